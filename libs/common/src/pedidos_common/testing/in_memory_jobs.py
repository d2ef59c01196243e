"""The job ledger in memory, with the guarantees of `ports.JobLedger`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pedidos_common.domain.jobs import (
    FINAL,
    OPEN,
    TRIGGER_OF,
    Job,
    JobStatus,
    JobTrigger,
    Lease,
    NewJob,
    Outcome,
    advance,
    follow_ups_of,
    sources,
)
from pedidos_common.ports import Bell, Failure, FollowUps, JobFilter, Page, QueueDepth
from pedidos_common.testing.job_rules import (
    ahead_of,
    anew,
    depths_of,
    failure_of,
    in_scope,
    is_put_off,
    matches,
    newest_first,
    removable,
    resumable,
    standing_of,
    waits_since,
    with_outcome,
)

START_OF_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class InMemoryJobLedger:
    """Jobs in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime], lease_seconds: float = 10.0) -> None:
        self._clock = clock
        self._lease = timedelta(seconds=lease_seconds)
        self._jobs: dict[str, Job] = {}
        self._rung: dict[str, datetime | None] = {}
        self._settled: dict[str, str] = {}
        self._left: dict[str, FollowUps] = {}
        self._put_off: set[str] = set()

    async def create(self, jobs: Sequence[NewJob]) -> Sequence[Bell]:
        """See `ports.JobLedger.create`."""
        for new in jobs:
            if new.id not in self._jobs:
                self._jobs[new.id] = self._created(new)
                self._rung[new.id] = self._clock()
        return self._bells(new.id for new in jobs)

    async def left_follow_ups(self, older_than_seconds: float, limit: int) -> Sequence[FollowUps]:
        """See `ports.JobLedger.left_follow_ups`."""
        before = self._clock() - timedelta(seconds=older_than_seconds)
        settled = {job_id: self._jobs[job_id].settled_at for job_id in self._left}
        old = [job_id for job_id, at in settled.items() if at is not None and at < before]
        return [self._left[job_id] for job_id in old[:limit]]

    async def note_followed(self, done: Sequence[FollowUps]) -> None:
        """See `ports.JobLedger.note_followed`."""
        for one in done:
            left = self._left.get(one.job_id)
            if left is not None and left.lease_id == one.lease_id:
                del self._left[one.job_id]

    def _created(self, new: NewJob) -> Job:
        due_at = self._clock() + timedelta(seconds=new.delay_seconds)
        return Job(
            id=new.id,
            function=new.function,
            queue=new.queue,
            band=new.band,
            payload=dict(new.payload),
            status=JobStatus.RETRYING if new.delay_seconds else JobStatus.QUEUED,
            due_at=due_at if new.delay_seconds else None,
            stands_since=due_at if new.delay_seconds else None,
            created_at=self._clock().replace(microsecond=0),
            scope=new.scope,
            max_deliveries=new.max_deliveries,
            payload_version=new.payload_version,
            trace=new.trace,
            ahead_seconds=new.ahead_seconds,
        )

    def _bells(self, ids: Iterable[str]) -> list[Bell]:
        jobs, now = [self._jobs[job_id] for job_id in ids if job_id in self._jobs], self._clock()
        return [
            Bell(job.id, job.queue, job.band, job.ring, ahead_of(job, now))
            for job in jobs
            if job.status is JobStatus.QUEUED
        ]

    async def claim(
        self, job_id: str, worker: str, lease_id: str | None = None, *, again: bool = False
    ) -> Job | None:
        """See `ports.JobLedger.claim`."""
        job = self._jobs.get(job_id)
        if again and lease_id is not None and self._holds(job_id, lease_id):
            self._jobs[job_id] = self._renewed(self._jobs[job_id])
            return self._jobs[job_id]
        if job is None or job.status not in sources(JobTrigger.CLAIM):
            return None
        now = self._clock()
        taken = replace(
            job,
            status=advance(job.status, JobTrigger.CLAIM),
            deliveries=job.deliveries + 1,
            lease=Lease(job_id, lease_id or uuid.uuid4().hex, worker, now + self._lease),
            worker=worker,
            claimed_at=now,
            first_claimed_at=job.first_claimed_at or now,
        )
        self._jobs[job_id] = taken
        return taken

    def _holds(self, job_id: str, lease_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.lease is not None and job.lease.id == lease_id

    async def note_probe(self, job: Job) -> bool:
        """See `ports.JobLedger.note_probe`."""
        if job.lease is None or not self._holds(job.id, job.lease.id):
            return False
        held = self._jobs[job.id]
        self._jobs[job.id] = replace(held, probes=held.probes + 1)
        return True

    async def settle(
        self, job: Job, outcome: Outcome, *, exonerated: bool = False, again: bool = False
    ) -> bool:
        """See `ports.JobLedger.settle`."""
        if job.lease is None or not self._holds(job.id, job.lease.id):
            return again and job.lease is not None and self._settled.get(job.id) == job.lease.id
        self._settled[job.id] = job.lease.id
        if is_put_off(job, outcome):
            self._put_off.add(job.id)
        if follow_ups := follow_ups_of(outcome):
            self._left[job.id] = FollowUps(job.id, job.lease.id, follow_ups)
        held = self._jobs[job.id]
        status = advance(held.status, TRIGGER_OF[type(outcome)])
        settled = replace(with_outcome(held, outcome, self._clock()), status=status, lease=None)
        if exonerated and status not in FINAL:
            settled = replace(settled, lost=0, probes=0)
        self._jobs[job.id] = replace(settled, settled_at=self._clock() if status in FINAL else None)
        if status is JobStatus.QUEUED:
            self._rung[job.id] = None
        return True

    def extend(self, leases: Mapping[str, str]) -> frozenset[str]:
        """Extend the leases {lease id: job id}; those that are gone."""
        lost = frozenset(key for key, job_id in leases.items() if not self._holds(job_id, key))
        for lease_id, job_id in leases.items():
            if lease_id not in lost:
                self._jobs[job_id] = self._renewed(self._jobs[job_id])
        return lost

    def _renewed(self, held: Job) -> Job:
        until = self._clock() + self._lease
        return replace(held, lease=held.lease and replace(held.lease, until=until))

    async def get(self, job_id: str) -> Job | None:
        """See `ports.JobLedger.get`."""
        return self._jobs.get(job_id)

    async def page(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """See `ports.JobLedger.page`."""
        found = [job for job in self._by_id() if matches(job, wanted)]
        rest = [job for job in reversed(found) if cursor is None or job.id < cursor]
        return Page(rest[:limit], rest[limit - 1].id if len(rest) > limit else None)

    def _by_id(self, scope: str | None = None) -> list[Job]:
        return [job for key, job in sorted(self._jobs.items()) if in_scope(job, scope)]

    async def counts(self, scope: str | None = None) -> Mapping[JobStatus, int]:
        """See `ports.JobLedger.counts`."""
        standing = [job.status for job in self._by_id(scope)]
        return {status: standing.count(status) for status in JobStatus}

    async def quiet_seconds(self) -> float:
        """See `ports.JobLedger.quiet_seconds`."""
        jobs, now = self._by_id(), self._clock()
        waiting = [now - at for job in jobs if (at := waits_since(job))]
        alive = [now - (job.lease.until - self._lease) for job in jobs if job.lease]
        ages = [*([max(waiting)] if waiting else []), *([min(alive)] if alive else [])]
        return max(0.0, min(ages, default=timedelta()).total_seconds())

    async def depths(self, limit: int) -> Sequence[QueueDepth]:
        """See `ports.JobLedger.depths`."""
        return depths_of(self._by_id(), limit, self._clock())

    async def standing(
        self, queues: Sequence[str], statuses: Sequence[JobStatus], limit: int
    ) -> Sequence[QueueDepth]:
        """See `ports.JobLedger.standing`."""
        jobs, now = [job for job in self._by_id() if job.status in statuses], self._clock()
        return [standing_of(queue, jobs, limit, now) for queue in queues]

    async def put_off(self, queues: Sequence[str], limit: int) -> Mapping[str, int]:
        """See `ports.JobLedger.put_off`."""
        found = [self._jobs[job_id] for job_id in self._put_off if job_id in self._jobs]
        waiting = [job.queue for job in found if job.status is JobStatus.RETRYING]
        return {queue: min(waiting.count(queue), limit) for queue in queues}

    async def newest(
        self, queue: str, status: JobStatus, limit: int, cursor: str | None
    ) -> Page[Job]:
        """See `ports.JobLedger.newest`."""
        return newest_first(list(self._jobs.values()), queue, status, limit, cursor)

    async def failures(self, queue: str, limit: int, cursor: str | None) -> Page[Failure]:
        """See `ports.JobLedger.failures`."""
        page = await self.newest(queue, JobStatus.FAILED, limit, cursor)
        return Page([failure_of(job) for job in page.items], page.cursor)

    async def revive(self, queue: str, job_ids: Sequence[str]) -> Sequence[Bell]:
        """See `ports.JobLedger.revive`."""
        named = [self._jobs[one] for one in dict.fromkeys(job_ids) if one in self._jobs]
        for job in named:
            if job.id not in self._left and (job.queue, job.status) == (queue, JobStatus.FAILED):
                self._queue_again(anew(job, self._clock()), JobTrigger.RESUME)
        return self._bells(job.id for job in named)

    async def settled_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """See `ports.JobLedger.settled_among`."""
        return [job for job in self._by_id() if job.id in job_ids and job.status in FINAL]

    async def started_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """See `ports.JobLedger.started_among`."""
        started = OPEN - {JobStatus.QUEUED}
        return [job for job in self._by_id() if job.id in job_ids and job.status in started]

    async def of_scope(self, scope: str) -> AsyncIterator[Job]:
        """See `ports.JobLedger.of_scope`."""
        for job in self._by_id(scope):
            yield job

    async def cancel_scope(self, scope: str) -> int:
        """See `ports.JobLedger.cancel_scope`."""
        waiting = [s for s in sources(JobTrigger.CANCEL) if s is not JobStatus.RUNNING]
        found = [job for job in self._by_id(scope) if job.status in waiting]
        for job in found:
            status = advance(job.status, JobTrigger.CANCEL)
            self._jobs[job.id] = replace(job, status=status, settled_at=self._clock())
        return len(found)

    async def resume_scope(self, scope: str, functions: Sequence[str]) -> Sequence[Bell]:
        """See `ports.JobLedger.resume_scope`."""
        found = [job for job in self._followed(scope) if resumable(job, functions)]
        for job in found:
            self._queue_again(anew(job, self._clock()), JobTrigger.RESUME)
        return self._bells(job.id for job in found)

    def _followed(self, scope: str | None = None) -> list[Job]:
        """Those that nothing is left to follow of."""
        return [job for job in self._by_id(scope) if job.id not in self._left]

    def _queue_again(self, job: Job, trigger: JobTrigger) -> None:
        status = advance(job.status, trigger)
        self._put_off.discard(job.id)
        self._jobs[job.id] = replace(
            job, status=status, lease=None, due_at=None, settled_at=None, ring=job.ring + 1
        )
        self._rung[job.id] = self._clock()

    async def running(self, scope: str | None = None) -> int:
        """See `ports.JobLedger.running`."""
        return (await self.counts(scope))[JobStatus.RUNNING]

    async def expire_leases(self, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.JobLedger.expire_leases`."""
        return await self._take_away(self._has_run_out, scope_is_open)

    async def take_back(self, worker: str, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.JobLedger.take_back`."""
        return await self._take_away(
            lambda job: job.lease is not None and job.lease.worker == worker, scope_is_open
        )

    async def _take_away(
        self, is_lost: Callable[[Job], bool], scope_is_open: Callable[[str], Awaitable[bool]]
    ) -> int:
        count = 0
        for job in [job for job in self._by_id() if is_lost(job)]:
            is_open = job.scope is None or await scope_is_open(job.scope)
            # meanwhile it may have been renewed, settled or claimed again
            now = self._jobs[job.id]
            if is_lost(now) and now.lease == job.lease:
                self._expire(now, is_open)
                count += 1
        return count

    def _has_run_out(self, job: Job) -> bool:
        return job.lease is not None and job.lease.until < self._clock()

    def _expire(self, job: Job, scope_is_open: bool) -> None:
        trigger = JobTrigger.EXPIRE if scope_is_open else JobTrigger.CANCEL
        settled_at = None if scope_is_open else self._clock()
        status = advance(job.status, trigger)
        self._jobs[job.id] = replace(
            job, status=status, lease=None, lost=job.lost + 1, settled_at=settled_at
        )
        self._rung[job.id] = None

    async def release_due(self, limit: int) -> Sequence[Bell]:
        """See `ports.JobLedger.release_due`."""
        now = self._clock()
        due = [
            job
            for job in self._by_id()
            if job.status in sources(JobTrigger.DUE) and job.due_at is not None
            if job.due_at <= now
        ]
        due = sorted(due, key=lambda job: job.due_at or now)[:limit]
        for job in due:
            self._queue_again(job, JobTrigger.DUE)
        return self._bells(job.id for job in due)

    async def hasten(self, job_id: str) -> bool:
        """See `ports.JobLedger.hasten`."""
        job = self._jobs.get(job_id)
        if job is None or job.status is not JobStatus.RETRYING:
            return False
        self._jobs[job_id] = replace(job, due_at=self._clock())
        return True

    async def silent(
        self, older_than_seconds: float, limit: int, after: str | None = None
    ) -> Sequence[Bell]:
        """See `ports.JobLedger.silent`."""
        deadline = self._clock() - timedelta(seconds=older_than_seconds)
        bells = self._bells(job.id for job in self._by_id() if after is None or job.id > after)
        return [bell for bell in bells if (self._rung[bell.job_id] or START_OF_TIME) < deadline][
            :limit
        ]

    async def rang(self, bells: Sequence[Bell]) -> None:
        """See `ports.JobLedger.rang`."""
        for bell in bells:
            job = self._jobs.get(bell.job_id)
            if job is not None and job.status is JobStatus.QUEUED:
                self._jobs[job.id] = replace(job, ring=max(job.ring, bell.ring))
                self._rung[job.id] = self._clock()

    async def remove(
        self,
        scope: str | None = None,
        settled_before: datetime | None = None,
        *,
        keep: str | None = None,
    ) -> int:
        """See `ports.JobLedger.remove`."""
        kept = set() if settled_before is None else set(self._left)
        gone = [
            job.id
            for job in self._by_id(scope)
            if removable(job, settled_before)
            and not (keep is not None and (job.scope or "").startswith(keep))
        ]
        return self._delete(job_id for job_id in gone if job_id not in kept)

    def _delete(self, ids: Iterable[str]) -> int:
        gone = list(ids)
        for job_id in gone:
            del self._jobs[job_id]
            self._left.pop(job_id, None)
        return len(gone)

    async def remove_settled(self, status: JobStatus, scope: str | None) -> int:
        """See `ports.JobLedger.remove_settled`."""
        final = [job for job in self._followed() if job.status is status and status in FINAL]
        return self._delete(job.id for job in final if job.scope == scope)
