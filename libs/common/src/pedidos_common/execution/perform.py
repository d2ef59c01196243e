"""Run a claimed job's function: whatever happens in it becomes an outcome, a value."""

from __future__ import annotations

import asyncio

import structlog

from pedidos_common.domain.errors import LeaseLost, Unavailable
from pedidos_common.domain.jobs import Job, Outcome, Retry, RetryPolicy
from pedidos_common.domain.texts import describe
from pedidos_common.execution.leases import HeldLease
from pedidos_common.execution.registry import JobFunction

log = structlog.get_logger(__name__)
# short: that a job waits can only be noted once the server is back
SERVER_AWAY = RetryPolicy(max_attempts=1_000_000, base_seconds=0.5, cap_seconds=2.0)
NOT_BEGUN = RetryPolicy(max_attempts=1_000_000, base_seconds=2.0, cap_seconds=60.0)
PROBES = 2
LONGEST_REASON = 1_000


def is_suspect(job: Job) -> bool:
    """Whether so many workers were lost with the job that it may be what kills them."""
    return job.lost >= job.max_deliveries


def must_give_up(job: Job, function: JobFunction) -> bool:
    """Whether a suspect is not to be run again, not even alone."""
    return is_suspect(job) and (job.probes >= PROBES or not function.probe_first(job))


async def perform(job: Job, held: HeldLease, function: JobFunction) -> Outcome:
    """The outcome of running the job.

    Raises:
        LeaseLost: when the job is another worker's by now; there is nothing to settle.
    """
    if must_give_up(job, function):
        reason = f"its worker was lost {job.lost} times"
        return await _guarded_give_up(function, job, held, reason)
    limit = function.deadline_seconds(job)
    try:
        async with asyncio.timeout(limit) as deadline:
            return await function.perform(job, held)
    except LeaseLost:
        raise
    except Unavailable as error:
        return wait_for_server(job, error)
    except (Exception, asyncio.CancelledError) as error:
        if _is_our_cancellation(error):
            raise
        if deadline.expired():
            return await _after_failure(function, job, held, f"took longer than {limit:.0f} s")
        log.exception("job_function_raised", jobId=job.id, function=job.function)
        return await _after_failure(function, job, held, describe(error)[:LONGEST_REASON])


def _is_our_cancellation(error: BaseException) -> bool:
    """False for one that reaches a job through something that it waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())


def wait_for_server(job: Job, error: Exception) -> Outcome:
    """Run the job again when the server that was away may be back; no attempt of it."""
    delay = SERVER_AWAY.delay(min(job.deliveries, 8)) or SERVER_AWAY.cap_seconds
    return Retry(describe(error)[:LONGEST_REASON], delay)


def wait_for_repair(job: Job, error: Exception) -> Outcome:
    """Look later at a job whose payload can't even tell how long it may take.

    It is not given up: nobody could tell which orders would have to be put in order then. Nor is
    it left to its lease, which would count its worker as lost, and at last run it alone. It is
    marked as not understood: that it is looked at again and again is no progress of its run.
    """
    log.error("job_not_begun", function=job.function, exc_info=error)
    delay = NOT_BEGUN.delay(min(job.deliveries, 8)) or NOT_BEGUN.cap_seconds
    reason = f"it could not be begun: {describe(error)}"[:LONGEST_REASON]
    return Retry(reason, delay, refused=True)


async def _after_failure(function: JobFunction, job: Job, held: HeldLease, reason: str) -> Outcome:
    delay = function.retry.delay(job.attempts + 1)
    if delay is not None:
        return Retry(reason, delay, counts=True)
    return await _guarded_give_up(function, job, held, reason)


async def _guarded_give_up(
    function: JobFunction, job: Job, held: HeldLease, reason: str
) -> Outcome:
    try:
        return await function.give_up(job, held, reason)
    except LeaseLost:
        raise
    except Exception as error:  # leave it retrying: giving up must not lose what it tidies
        log.exception("job_give_up_raised", jobId=job.id, function=job.function)
        return wait_for_server(job, error)
