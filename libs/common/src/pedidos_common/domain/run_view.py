"""What is known of a run's jobs: a view that follows from settled jobs alone.

Batches are final by id, never by a counter, so a job that is seen twice counts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Job, JobStatus, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import batch_job, chunk_job, part_job, place_of
from pedidos_common.domain.runs import Run


class Outstanding:
    """Ids of jobs that were created and are not final, oldest first, with sums per lane."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._orders: dict[Priority | None, int] = {}
        self._jobs: dict[Priority | None, int] = {}

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, job_id: str, size: int) -> None:
        """Note a job of `size` orders; noting it again changes nothing."""
        if job_id not in self._sizes:
            self._sizes[job_id] = size
            self._move(job_id, size, 1)

    def discard(self, job_id: str) -> None:
        """Forget a job, if it is here."""
        size = self._sizes.pop(job_id, None)
        if size is not None:
            self._move(job_id, -size, -1)

    def _move(self, job_id: str, orders: int, jobs: int) -> None:
        lane = place_of(job_id).priority
        self._orders[lane] = self._orders.get(lane, 0) + orders
        self._jobs[lane] = self._jobs.get(lane, 0) + jobs

    def orders(self, priority: Priority) -> int:
        """Orders in open batches of the priority."""
        return self._orders.get(priority, 0)

    def chunks(self) -> int:
        """Open chunk jobs."""
        return self._jobs.get(None, 0)

    def slice(self, start: int, length: int) -> list[str]:
        """At most `length` ids from place `start` on."""
        return list(islice(self._sizes, start, start + length))


@dataclass(slots=True)
class Tally:
    """What has been settled of one priority; the window is in server times."""

    processed: int = 0
    failed: int = 0
    start: datetime | None = None
    end: datetime | None = None

    def add(self, job: Job) -> None:
        """Count a settled batch."""
        self.processed += int(job.result.get("processed", 0))
        self.failed += int(job.result.get("failed", 0))
        self.open_at(job.first_claimed_at)
        if job.settled_at and (self.end is None or job.settled_at > self.end):
            self.end = job.settled_at

    def open_at(self, claimed_at: datetime | None) -> None:
        """Note that work of this priority started then."""
        if claimed_at and (self.start is None or claimed_at < self.start):
            self.start = claimed_at


@dataclass(frozen=True, slots=True)
class ChunkCounts:
    """How a written chunk is laid out: VIP ids first, then NORMAL ones.

    `duplicates` of these ids (`duplicates_vip` of the VIP ones) are holes: rows that another
    import brought meanwhile. `delivery` is which one of its job wrote it.
    """

    vip: int
    normal: int
    duplicates: int = 0
    duplicates_vip: int = 0
    delivery: int = 1

    def ids(self, priority: Priority) -> int:
        """The ids of one priority, holes included."""
        return self.vip if priority is Priority.VIP else self.normal

    def orders(self, priority: Priority) -> int:
        """The orders of one priority."""
        if priority is Priority.VIP:
            return self.vip - self.duplicates_vip
        return self.normal - (self.duplicates - self.duplicates_vip)


@dataclass(slots=True)
class RunView:
    """What is known of a run's jobs. `outstanding` holds created ones that are not final."""

    run: Run
    chunks: dict[int, ChunkCounts] = field(default_factory=dict)
    outstanding: Outstanding = field(default_factory=Outstanding)
    tallies: dict[Priority, Tally] = field(
        default_factory=lambda: {priority: Tally() for priority in Priority}
    )
    failure: str | None = None
    settled: int = 0
    _final: dict[tuple[Priority, int], int] = field(default_factory=dict)
    _split_open: dict[str, OrderRange] = field(default_factory=dict)
    _next_chunk: int = 0
    _cursor: dict[Priority, tuple[int, int]] = field(
        default_factory=lambda: dict.fromkeys(Priority, (0, 0))
    )
    _order: list[int] = field(default_factory=list)

    # -- what happened

    def absorb(self, job: Job) -> None:
        """Take note of a final job; each one counts once.

        A cancelled job is not final for its run: it stays outstanding, so that a resume can
        queue it again.
        """
        if job.status is JobStatus.CANCELLED:
            self.note_open(job.id, job.payload)
            return
        self.outstanding.discard(job.id)
        place = place_of(job.id)
        if place.priority is None:
            self._absorb_chunk(job, place.chunk)
        elif place.is_part:
            self._absorb_part(job, place.priority)
        else:
            self._absorb_batch(job, place.priority, place.chunk, place.number)

    def _absorb_chunk(self, job: Job, index: int) -> None:
        if job.status is JobStatus.FAILED:
            self.failure = f"chunk {index} could not be written: {job.error}"
        elif index not in self.chunks:
            result = job.result
            self.chunks[index] = ChunkCounts(
                int(result["vip"]),
                int(result["normal"]),
                int(result.get("duplicates", 0)),
                int(result.get("duplicatesVip", 0)),
                job.deliveries,
            )
            self._order.append(index)
            self.settled += 1

    def _absorb_batch(self, job: Job, priority: Priority, chunk: int, index: int) -> None:
        mask = self._final.get((priority, chunk), 0)
        if mask >> index & 1:
            return
        self._final[priority, chunk] = mask | 1 << index
        self._count(job, priority)

    def _absorb_part(self, job: Job, priority: Priority) -> None:
        if self._split_open.pop(job.id, None) is not None:
            self._count(job, priority)

    def _count(self, job: Job, priority: Priority) -> None:
        self.tallies[priority].add(job)
        self.settled += 1
        for number, (first, last) in enumerate(job.result.get("split", ())):
            self._split_open[f"{job.id}/{number}"] = OrderRange(self.run.id, first, last)

    def note_open(self, job_id: str, payload: Mapping[str, Any]) -> None:
        """Take note of a job that exists and is not final."""
        self.outstanding.add(job_id, int(payload["last"]) - int(payload["first"]) + 1)

    # -- what is known

    @property
    def all_generated(self) -> bool:
        """Whether every chunk is settled."""
        return len(self.chunks) == self.run.plan.chunks

    def expected(self, priority: Priority) -> int:
        """Orders of the priority in the chunks that are written so far."""
        return sum(counts.orders(priority) for counts in self.chunks.values())

    @property
    def generated(self) -> int:
        """Orders that are written so far, by settled chunks."""
        return sum(self.expected(priority) for priority in Priority)

    def _layout(self, priority: Priority, chunk: int) -> tuple[int, int, int]:
        """First sequence, orders, and orders a batch, of one chunk and priority."""
        counts, size = self.chunks[chunk], self.chunks[chunk].ids(priority)
        first = self.run.plan.chunk_bounds(chunk)[0]
        first += counts.vip if priority is Priority.NORMAL else 0
        batches = -(-size // self.run.plan.batch_size)
        return first, size, -(-size // batches) if batches else 0

    def batch_count(self, priority: Priority, chunk: int) -> int:
        """How many batches a settled chunk has of the priority."""
        _, size, per_batch = self._layout(priority, chunk)
        return -(-size // per_batch) if per_batch else 0

    def batch(self, priority: Priority, chunk: int, index: int) -> OrderRange:
        """One batch: fixed by the plan and the chunk's counts, and nearly equal in size."""
        first, size, per_batch = self._layout(priority, chunk)
        start = first + index * per_batch
        return OrderRange(self.run.id, start, min(start + per_batch, first + size) - 1)

    def drained(self, priority: Priority) -> bool:
        """Whether every batch of the priority, by id, is final, split ones to the last part."""
        if not self.all_generated or any(
            place_of(part).priority is priority for part in self._split_open
        ):
            return False
        return all(
            self._final.get((priority, chunk), 0) == (1 << self.batch_count(priority, chunk)) - 1
            for chunk in self.chunks
        )

    # -- what is due

    def due_chunks(self, room: int) -> Iterator[NewJob]:
        """The next chunk jobs, at most `room`."""
        while room > 0 and self._next_chunk < self.run.plan.chunks:
            index, self._next_chunk = self._next_chunk, self._next_chunk + 1
            job = chunk_job(self.run, index)
            if index not in self.chunks and job.id not in self.outstanding:
                room -= 1
                yield job

    def due_batches(self, priority: Priority, room: int) -> Iterator[NewJob]:
        """The next batch jobs of the priority, with about `room` orders in all."""
        while room > 0 and not self._at_end(priority):
            at, index = self._cursor[priority]
            self._cursor[priority] = (at, index + 1)
            chunk = self._order[at]
            orders = self.batch(priority, chunk, index)
            written_by = self.chunks[chunk].delivery
            job = batch_job(self.run, priority, chunk, index, orders, written_by)
            is_final = self._final.get((priority, chunk), 0) >> index & 1
            if not is_final and job.id not in self.outstanding:
                room -= len(orders)
                yield job

    def _at_end(self, priority: Priority) -> bool:
        """Move the cursor past finished chunks; whether no settled chunk is left behind it."""
        at, index = self._cursor[priority]
        while at < len(self._order) and index >= self.batch_count(priority, self._order[at]):
            at, index = at + 1, 0
        self._cursor[priority] = (at, index)
        return at >= len(self._order)

    def all_enqueued(self, priority: Priority) -> bool:
        """Whether every batch of the priority has been created."""
        return self.all_generated and self._at_end(priority)

    def due_parts(self) -> Iterator[NewJob]:
        """Jobs for the parts of split batches that do not exist yet."""
        for part_id, orders in self._split_open.items():
            if part_id not in self.outstanding:
                written = self.chunks.get(place_of(part_id).chunk)
                written_by = written.delivery if written else 1
                yield part_job(self.run, part_id, orders, written_by)
