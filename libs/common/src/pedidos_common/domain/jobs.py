"""Jobs: their states, outcomes, retries and leases, whatever the work is.

Nothing here knows orders. `TRANSITIONS` is the whole life of a job and `advance` its only
reader; `docs/state-machines.md` is held equal to it by a test.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from pedidos_common.domain.errors import InvalidTransition


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobTrigger(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    FAIL = "fail"
    CANCEL = "cancel"
    RELEASE = "release"
    EXPIRE = "expire"
    DUE = "due"
    RESUME = "resume"


S, T = JobStatus, JobTrigger
TRANSITIONS: Mapping[tuple[JobStatus, JobTrigger], JobStatus] = {
    (S.QUEUED, T.CLAIM): S.RUNNING,  # a worker takes it, under a new lease
    (S.QUEUED, T.CANCEL): S.CANCELLED,  # its scope was cancelled
    (S.RUNNING, T.SUCCEED): S.SUCCEEDED,  # the lease's holder settles it
    (S.RUNNING, T.RETRY): S.RETRYING,  # the lease's holder wants it again later
    (S.RUNNING, T.FAIL): S.FAILED,  # the lease's holder gives it up: a dead letter
    (S.RUNNING, T.CANCEL): S.CANCELLED,  # its scope closed while the lease ran out
    (S.RUNNING, T.RELEASE): S.QUEUED,  # the holder shuts down and hands it back
    (S.RUNNING, T.EXPIRE): S.QUEUED,  # the reconciler: the holder's lease ran out
    (S.RETRYING, T.DUE): S.QUEUED,  # the reconciler: the backoff is over
    (S.RETRYING, T.CANCEL): S.CANCELLED,  # its scope was cancelled
    (S.CANCELLED, T.RESUME): S.QUEUED,  # its scope was resumed
    (S.FAILED, T.RESUME): S.QUEUED,  # its scope was resumed and can't go on without it
}
FINAL = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})
OPEN = frozenset(JobStatus) - FINAL


def advance(status: JobStatus, trigger: JobTrigger) -> JobStatus:
    """The status that follows; the only reader of `TRANSITIONS`.

    Raises:
        InvalidTransition: when the table has no such row.
    """
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise InvalidTransition(status, trigger) from None


def sources(trigger: JobTrigger) -> list[JobStatus]:
    """Every status that `trigger` can leave, in the table's order."""
    return [status for status, known in TRANSITIONS if known is trigger]


class Band(IntEnum):
    """Bands of urgency inside one queue: a lower band is always taken first."""

    CRITICAL = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3


MOST_AHEAD_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be created.

    `id` is deterministic, so creating it twice is harmless; a job that belongs to a scope (a
    run, later a workflow) has an id that begins with `<scope>:`. `payload` holds plain JSON
    values. `max_deliveries` bounds how many workers may be lost with it before it is given up.
    `ahead_seconds` is its head start: inside its band it goes before whatever was rung up to that
    long before it, at most `MOST_AHEAD_SECONDS`. With `delay_seconds` it begins as one that is
    retrying, and is due that long after it was created.
    """

    id: str
    function: str
    queue: str
    band: Band
    payload: Mapping[str, Any]
    scope: str | None = None
    max_deliveries: int = 5
    payload_version: int = 1
    trace: str | None = None
    ahead_seconds: float = 0.0
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to execute and settle one job.

    `id` is random: a counter alone can repeat after a server lost its last writes. `until` is
    on the database server's clock.
    """

    job_id: str
    id: str
    worker: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of background work as its ledger record has it.

    `deliveries` counts claims; `lost` those of them whose worker never settled or handed back;
    `probes` those runs that were made alone in their process, to see whether this job kills it;
    `attempts` counts runs that failed unexpectedly since the last that brought something. Times are
    the database server's, `created_at` to the second. `refused_since` is since when the workers
    that it was delivered to hand it back because they don't understand it, or can't read its
    payload; None once one of them took it on. `stands_since` is from when on it has its place in
    its queue, where that is later than its creation: when it was due again after it had its turn.
    """

    id: str
    function: str
    queue: str
    band: Band
    payload: Mapping[str, Any]
    status: JobStatus
    created_at: datetime
    scope: str | None = None
    max_deliveries: int = 5
    payload_version: int = 1
    deliveries: int = 0
    lost: int = 0
    probes: int = 0
    attempts: int = 0
    ring: int = 1
    due_at: datetime | None = None
    first_claimed_at: datetime | None = None
    claimed_at: datetime | None = None
    settled_at: datetime | None = None
    worker: str | None = None
    lease: Lease | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    trace: str | None = None
    refused_since: datetime | None = None
    ahead_seconds: float = 0.0
    stands_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The work is done; `result` is kept with the job, and `follow_ups` are created after it.

    They are stored in the same write as the outcome, so each of them comes to be, once.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    follow_ups: tuple[NewJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """Part of the work is left; run again after `delay_seconds`.

    `counts` says that this was an attempt that failed; a server that was away is none. `fresh` says
    that it brought something: attempts that failed before count no more. `refused` says that this
    worker does not understand the job, or can't read its payload: one of another release must take
    it, or the payload must be mended. `deferred` says that nothing went wrong: the job waits for
    its turn, for news, or for a provider that is left alone.
    """

    reason: str
    delay_seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)
    counts: bool = False
    refused: bool = False
    fresh: bool = False
    deferred: bool = False

    @property
    def had_its_turn(self) -> bool:
        """Whether it was tried; what only was put off keeps its place in its queue."""
        return self.counts or self.fresh


@dataclass(frozen=True, slots=True)
class Failed:
    """The work can't be done: the job becomes a dead letter. `follow_ups` as in `Succeeded`."""

    reason: str
    result: Mapping[str, Any] = field(default_factory=dict)
    follow_ups: tuple[NewJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Released:
    """The worker hands the job back unfinished, at once (shutdown, or nothing wrong with it).

    `lost` says that it overran its lease, which counts as the loss of its worker.
    """

    lost: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The scope closed while the job ran."""


Outcome = Succeeded | Retry | Failed | Released | Cancelled


def follow_ups_of(outcome: Outcome) -> tuple[NewJob, ...]:
    """The jobs that are to be created after it; only final outcomes of work have any."""
    return outcome.follow_ups if isinstance(outcome, Succeeded | Failed) else ()


TRIGGER_OF: Mapping[type[Any], JobTrigger] = {
    Succeeded: T.SUCCEED,
    Retry: T.RETRY,
    Failed: T.FAIL,
    Released: T.RELEASE,
    Cancelled: T.CANCEL,
}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter on its upper half.

    The delay before attempt n+1 is drawn from [d/2, d], d = min(base · 2^(n-1), cap), so
    neighbours that failed together do not come back together, and none comes back at once.
    """

    max_attempts: int = 5
    base_seconds: float = 2.0
    cap_seconds: float = 300.0

    def delay(self, attempt: int, draw: float | None = None) -> float | None:
        """Seconds to wait after failed attempt `attempt` (from 1); None means give up.

        `draw` is a number in [0, 1) for the jitter; random where not given.
        """
        if attempt >= self.max_attempts:
            return None
        ceiling = min(self.base_seconds * 2.0 ** min(attempt - 1, 60), self.cap_seconds)
        jitter = random.random() if draw is None else draw
        return ceiling * (0.5 + jitter / 2)
