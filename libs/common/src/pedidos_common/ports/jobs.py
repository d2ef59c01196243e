"""The job ledger, and the leases that keep its jobs alive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pedidos_common.domain.jobs import Job, JobStatus, NewJob, Outcome
from pedidos_common.ports.broker import Bell
from pedidos_common.ports.paging import Page
from pedidos_common.ports.processes import ProcessReport


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a listing wants; an empty field does not filter.

    `refused` wants those alone that workers hand back because they don't understand them.
    """

    statuses: Sequence[JobStatus] = ()
    queue: str | None = None
    scope: str | None = None
    function: str | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How a queue stands: how many of its jobs have a status, and how long the oldest waits.

    `counts` has statuses of which there is a job; `waiting_seconds` is that of the job which has
    been queued longest, 0 where none is.
    """

    queue: str
    counts: Mapping[JobStatus, int]
    waiting_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job, as far as it takes to tell why it failed; `failed_at` is server time."""

    job_id: str
    function: str
    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class FollowUps:
    """What follows from a settled job, and may not be in the ledger yet.

    `lease_id` is the lease that the job was settled under.
    """

    job_id: str
    lease_id: str
    jobs: Sequence[NewJob]


class JobLedger(Protocol):
    """The truth about every job. Writes are durable before they return."""

    async def create(self, jobs: Sequence[NewJob]) -> Sequence[Bell]:
        """Insert the jobs that are absent; return a bell for each of these jobs that is queued."""
        ...

    async def left_follow_ups(self, older_than_seconds: float, limit: int) -> Sequence[FollowUps]:
        """Follow-ups of jobs settled that long ago, of which nobody has noted that they are there.

        None of a settle that could be taken back. They may be there all the same.
        """
        ...

    async def note_followed(self, done: Sequence[FollowUps]) -> None:
        """Note that these are in the ledger. A job that was settled anew since is left alone."""
        ...

    async def claim(
        self, job_id: str, worker: str, lease_id: str | None = None, *, again: bool = False
    ) -> Job | None:
        """Take a queued job under a new lease; None when it is not there to be taken.

        `lease_id` is random where none is given. Whoever does not know whether its claim was
        carried out asks `again` with the same one: a job that it has by then is its own, from now.
        """
        ...

    async def note_probe(self, job: Job) -> bool:
        """Note that the job now runs alone in its process; False when its lease is gone."""
        ...

    async def settle(
        self, job: Job, outcome: Outcome, *, exonerated: bool = False, again: bool = False
    ) -> bool:
        """Record the outcome if the job's lease still holds; False for a stale worker.

        Its follow-ups are stored in the same write, and left to be created: by whoever settled, or
        by whoever asks for `left_follow_ups`. Until that is noted the job is neither queued again
        nor removed for its age.

        `exonerated` says that the job ran alone and its worker lives: where it is to run again,
        the workers that were lost with it before, and its probes, count no more. Whoever does not
        know whether its settle was carried out asks `again`: True too where it was.
        """
        ...

    async def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        ...

    async def page(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """Jobs newest first, at most `limit`."""
        ...

    async def counts(self, scope: str | None = None) -> Mapping[JobStatus, int]:
        """How many jobs stand where, of one scope or of all."""
        ...

    async def depths(self, limit: int) -> Sequence[QueueDepth]:
        """How each queue stands with jobs that are open or failed; no more than that is looked at.

        Of each status at most `limit` jobs are looked at, so that the price is bounded.
        """
        ...

    async def standing(
        self, queues: Sequence[str], statuses: Sequence[JobStatus], limit: int
    ) -> Sequence[QueueDepth]:
        """How each of these queues stands with jobs of these statuses, in the queues' order.

        Of each queue and status at most `limit` jobs are counted, so that the price is bounded.
        """
        ...

    async def put_off(self, queues: Sequence[str], limit: int) -> Mapping[str, int]:
        """How many retrying jobs of each queue had no turn yet: their provider is paused, say.

        Of queues where jobs stand by their age alone; of each at most `limit` are counted.
        """
        ...

    async def newest(
        self, queue: str, status: JobStatus, limit: int, cursor: str | None
    ) -> Page[Job]:
        """The queue's jobs with this status, the last created first, at most `limit`.

        A cursor is two whole numbers with a dot between them.
        """
        ...

    async def failures(self, queue: str, limit: int, cursor: str | None) -> Page[Failure]:
        """The queue's failed jobs as `newest` has them, without what they carry."""
        ...

    async def revive(self, queue: str, job_ids: Sequence[str]) -> Sequence[Bell]:
        """Queue those of these jobs again that failed in this queue; bells for what is queued.

        Each keeps its id, and with it what it is known by to others; its attempts begin anew. One
        whose follow-ups are still to be created stays as it is. Asked again it changes nothing.
        """
        ...

    async def settled_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of the named jobs that are final, and stay so whatever server fails."""
        ...

    async def started_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        """Those of the named jobs that are running or retrying."""
        ...

    def of_scope(self, scope: str) -> AsyncIterator[Job]:
        """Every job of the scope, by id; none in a state that could be taken back."""
        ...

    async def cancel_scope(self, scope: str) -> int:
        """Cancel what is queued or retrying in the scope; running jobs end by themselves."""
        ...

    async def resume_scope(self, scope: str, functions: Sequence[str]) -> Sequence[Bell]:
        """Queue again what was cancelled in the scope, and what failed of `functions`."""
        ...

    async def running(self, scope: str | None = None) -> int:
        """How many jobs are running now."""
        ...

    async def quiet_seconds(self) -> float:
        """How long work waits while no worker shows life; 0 when none waits that could go on.

        That is the shorter of two times: since the oldest job that waits began to, and since
        the newest sign of life from a running one.
        """
        ...

    async def expire_leases(self, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """Queue again (or cancel, where the scope is closed) every job whose lease ran out."""
        ...

    async def take_back(self, worker: str, scope_is_open: Callable[[str], Awaitable[bool]]) -> int:
        """Queue again (or cancel, where the scope is closed) all that `worker` holds; how many.

        A process asks for its own name before it takes its first job: what is held under it was
        taken by an earlier process in its place, which is gone.
        """
        ...

    async def release_due(self, limit: int) -> Sequence[Bell]:
        """Queue the retrying jobs whose time has come, those due first; bells for them."""
        ...

    async def hasten(self, job_id: str) -> bool:
        """Make a retrying job due now; False where it is not retrying."""
        ...

    async def silent(
        self, older_than_seconds: float, limit: int, after: str | None = None
    ) -> Sequence[Bell]:
        """Queued jobs whose last ring is older than that, by id; those behind `after` alone."""
        ...

    async def rang(self, bells: Sequence[Bell]) -> None:
        """Note that these bells were rung just now."""
        ...

    async def remove_settled(self, status: JobStatus, scope: str | None) -> int:
        """Delete the final jobs with this status, of a scope or of none; how many."""
        ...

    async def remove(
        self,
        scope: str | None = None,
        settled_before: datetime | None = None,
        *,
        keep: str | None = None,
    ) -> int:
        """Delete jobs of a scope, or final ones settled before a time; how many.

        Those stay whose scope begins with `keep`.
        """
        ...


class LeaseKeeper(Protocol):
    """Extends leases from a thread of its own; blocking on purpose."""

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        """Write one heartbeat and extend the leases {lease id: job id} in one update."""
        ...

    def farewell(self, name: str) -> None:
        """Take the process off the live ones at once."""
        ...


@dataclass(frozen=True, slots=True)
class BeatReply:
    """`until`: server time to which the leases are extended; `lost`: lease ids that are gone."""

    until: datetime
    lost: frozenset[str] = frozenset()
