"""What the in-memory ledger asks of one job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pedidos_common.domain.jobs import (
    OPEN,
    Failed,
    Job,
    JobStatus,
    Outcome,
    Released,
    Retry,
    Succeeded,
)
from pedidos_common.domain.queues import stands_by_age
from pedidos_common.ports import Failure, JobFilter, Page, QueueDepth


def in_scope(job: Job, scope: str | None) -> bool:
    """Whether the job is of the scope, or of any where it is None."""
    return scope is None or job.id.startswith(f"{scope}:")


def matches(job: Job, wanted: JobFilter) -> bool:
    """Whether a listing wants the job."""
    return (
        in_scope(job, wanted.scope)
        and (not wanted.statuses or job.status in wanted.statuses)
        and wanted.queue in {None, job.queue}
        and wanted.function in {None, job.function}
        and (job.refused_since is not None or not wanted.refused)
    )


def resumable(job: Job, functions: Sequence[str]) -> bool:
    """Whether its scope's resume queues the job again."""
    if job.status is JobStatus.FAILED:
        return job.function in functions
    return job.status is JobStatus.CANCELLED


def removable(job: Job, settled_before: datetime | None) -> bool:
    """Whether `remove` deletes the job."""
    if settled_before is None:
        return True
    return job.settled_at is not None and job.settled_at < settled_before


def with_outcome(job: Job, outcome: Outcome, now: datetime) -> Job:
    """The job with what its outcome says, but for its status."""
    refused = isinstance(outcome, Retry) and outcome.refused
    job = replace(job, refused_since=(job.refused_since or now) if refused else None)
    match outcome:
        case Succeeded(result=result):
            return replace(job, result=dict(result), error=None)
        case Failed(reason=reason, result=result):
            return replace(job, error=reason, result=dict(result) or job.result)
        case Retry(reason=reason, delay_seconds=delay_seconds, result=result):
            due_at = now + timedelta(seconds=delay_seconds)
            kept = dict(result) or job.result
            attempts = (0 if outcome.fresh else job.attempts) + outcome.counts
            since = due_at if outcome.had_its_turn else job.stands_since
            job = replace(job, due_at=due_at, stands_since=since)
            return replace(job, error=reason, result=kept, attempts=attempts)
        case Released(lost=lost):
            return replace(job, lost=job.lost + lost)
        case _:
            return job


def is_put_off(job: Job, outcome: Outcome) -> bool:
    """Whether a job that stands by its age is to come again without having had its turn."""
    is_late = isinstance(outcome, Retry) and not outcome.had_its_turn
    return is_late and stands_by_age(job.queue)


def waits_since(job: Job) -> datetime | None:
    """When a job that a worker could take, or will, began to wait; None for any other."""
    if job.status not in OPEN or job.status is JobStatus.RUNNING:
        return None
    return max(at for at in (job.created_at, job.claimed_at, job.due_at) if at)


def depths_of(jobs: Sequence[Job], limit: int, now: datetime) -> list[QueueDepth]:
    """How each queue stands with the first `limit` jobs of each status that is open or failed."""
    looked_at = [
        job
        for status in (*OPEN, JobStatus.FAILED)
        for job in [job for job in jobs if job.status is status][:limit]
    ]
    return [
        QueueDepth(
            queue,
            Counter(job.status for job in looked_at if job.queue == queue),
            max((_waited(job, now) for job in looked_at if job.queue == queue), default=0.0),
        )
        for queue in {job.queue for job in looked_at}
    ]


def _waited(job: Job, now: datetime) -> float:
    since = waits_since(job) if job.status is JobStatus.QUEUED else None
    return (now - since).total_seconds() if since else 0.0


def anew(job: Job, now: datetime) -> Job:
    """The job as if it had never been tried, and stood there from now on."""
    job = replace(job, attempts=0, lost=0, probes=0, refused_since=None)
    return replace(job, stands_since=now)


def ahead_of(job: Job, now: datetime) -> float:
    """Its head start if it is rung now: with its age, where jobs stand by that."""
    since = max(job.created_at, job.stands_since or job.created_at)
    age = max(0.0, (now - since).total_seconds())
    return job.ahead_seconds + (age if stands_by_age(job.queue) else 0.0)


def standing_of(queue: str, jobs: Sequence[Job], limit: int, now: datetime) -> QueueDepth:
    """How the queue stands with at most `limit` jobs of each status."""
    own = [job for job in jobs if job.queue == queue]
    counts = Counter(job.status for job in own)
    waited = max((_waited(job, now) for job in own), default=0.0)
    return QueueDepth(queue, {each: min(n, limit) for each, n in counts.items()}, waited)


def newest_first(
    created: Sequence[Job], queue: str, status: JobStatus, limit: int, cursor: str | None
) -> Page[Job]:
    """A page of the queue's jobs with this status, the last created first."""
    before = int(cursor.partition(".")[0]) if cursor else len(created)
    found = [
        (place, job)
        for place, job in reversed(list(enumerate(created)))
        if place < before and (job.queue, job.status) == (queue, status)
    ]
    more = len(found) > limit
    return Page([job for _, job in found[:limit]], f"{found[limit - 1][0]}.0" if more else None)


def failure_of(job: Job) -> Failure:
    """What is told of a failed job."""
    return Failure(job.id, job.function, job.error or "", job.settled_at or job.created_at)
