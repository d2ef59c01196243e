"""What a job function is, and the table of those that a process can run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pedidos_common.domain.jobs import Failed, Job, Outcome, RetryPolicy
from pedidos_common.domain.payloads import Upgrade, newest_version, upgraded
from pedidos_common.domain.queues import QueueTable


class JobContext(Protocol):
    """What a running job may ask of its surroundings."""

    @property
    def fence(self) -> datetime:
        """Server time after which this worker's writes must be refused (the lease's end)."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the process is draining: a long job should return `Released` soon."""
        ...

    def ensure_held(self) -> None:
        """Check the lease by this machine's monotonic clock.

        Raises:
            LeaseLost: when the lease ran out or was taken away.
        """
        ...


Perform = Callable[[Job, JobContext], Awaitable[Outcome]]
GiveUp = Callable[[Job, JobContext, str], Awaitable[Outcome]]


async def fail_with_reason(_job: Job, _context: JobContext, reason: str) -> Outcome:
    """The plain way to give a job up: it becomes a dead letter with its reason."""
    return Failed(reason)


def _always(_job: Job) -> bool:
    return True


def _never() -> bool:
    return False


def _five_minutes(_job: Job) -> float:
    return 300.0


# told by identity: a function may well want just this for its own
AS_ITS_QUEUE = RetryPolicy()


@dataclass(frozen=True, slots=True)
class JobFunction:
    """One kind of work.

    `perform` returns an outcome; an exception of it is retried by `retry`, where there is none by
    the policy of its `queue`. `give_up` is called
    in its place once the job's deliveries are used up by lost workers, and after the last
    attempt: it leaves things in order (and may settle otherwise than failed, say by a split).
    `deadline_seconds` bounds one run of the job.

    A process that dies takes all its jobs with it, and only one of them is to blame. So a job
    whose deliveries are used up is first run alone, twice at the most, unless `probe_first`
    says that giving it up does no harm (a batch that can be split).

    `upgrades` are those of the payload (see `domain.payloads`): the function is written for the
    version that the last of them makes, is given older payloads in that form, and does not
    understand newer ones.

    `has_enough` tells that more jobs of it are in hand than it can work at: then no others are
    taken of its `queue`, whatever slots are free, so that they are taken many at a time later.
    """

    name: str
    perform: Perform
    give_up: GiveUp = fail_with_reason
    retry: RetryPolicy = AS_ITS_QUEUE
    deadline_seconds: Callable[[Job], float] = _five_minutes
    probe_first: Callable[[Job], bool] = _always
    upgrades: Sequence[Upgrade] = ()
    queue: str | None = None
    has_enough: Callable[[], bool] = _never

    def understands(self, job: Job) -> bool:
        """Whether the job's payload is of no newer release than this function."""
        return job.payload_version <= newest_version(self.upgrades)

    def in_its_form(self, job: Job) -> Job:
        """The job with its payload as this function reads it."""
        payload = upgraded(job.payload, job.payload_version, self.upgrades)
        return replace(job, payload=payload, payload_version=newest_version(self.upgrades))


def table(
    functions: Iterable[JobFunction], queues: QueueTable | None = None
) -> Mapping[str, JobFunction]:
    """The functions by name, each with a retry policy of its own or that of its queue."""
    known = queues or QueueTable()
    return {function.name: _with_retry(function, known) for function in functions}


def _with_retry(function: JobFunction, queues: QueueTable) -> JobFunction:
    queue = function.queue
    if function.retry is not AS_ITS_QUEUE or queue is None or queue not in queues:
        return function
    return replace(function, retry=queues[queue].retry)
