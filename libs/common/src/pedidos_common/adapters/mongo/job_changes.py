"""What each step of a job looks for, and what it changes: queries and updates, without a server.

Statuses come from the domain's table. Times are the server's (`$$NOW`), never a process's.
"""

from __future__ import annotations

from pymongo import UpdateOne

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.adapters.mongo.job_follow_ups import due_fields
from pedidos_common.domain.jobs import (
    FINAL,
    Failed,
    Job,
    JobStatus,
    JobTrigger,
    Outcome,
    Released,
    Retry,
    Succeeded,
    advance,
    follow_ups_of,
    sources,
)
from pedidos_common.domain.queues import stands_by_age
from pedidos_common.ports import Bell

ERROR_LIMIT = 2_000


def claimable(job_id: str) -> Document:
    """The job, where it is to be had."""
    return {"_id": job_id, "status": {"$in": sources(JobTrigger.CLAIM)}}


def claim(worker: str, lease_id: str) -> list[Document]:
    """A worker takes a queued job, under a lease of its own."""
    lease = {
        "id": {"$literal": lease_id},
        "worker": {"$literal": worker},
    }
    return [
        {
            "$set": {
                "status": advance(JobStatus.QUEUED, JobTrigger.CLAIM),
                "deliveries": {"$add": ["$deliveries", 1]},
                "lease": {**lease, "renewedAt": "$$NOW"},
                "worker": lease["worker"],
                "claimedAt": "$$NOW",
                "firstClaimedAt": {"$ifNull": ["$firstClaimedAt", "$$NOW"]},
            }
        }
    ]


def renewal() -> Document:
    """The lease counts from now."""
    return {"$currentDate": {"lease.renewedAt": True}}


def held_by(job: Job) -> Document:
    """The job as long as it is as this worker has it: a stale worker's save finds nothing."""
    return {"_id": job.id, "status": job.status, "lease.id": job.lease and job.lease.id}


def _outcome_fields(outcome: Outcome) -> Document:
    match outcome:
        case Succeeded(result=result):
            return {"result": dict(result), "error": None}
        case Retry(reason=reason, result=result) | Failed(reason=reason, result=result):
            return {"error": reason[:ERROR_LIMIT], **({"result": dict(result)} if result else {})}
        case _:
            return {}


def settlement(
    status: JobStatus, outcome: Outcome, job: Job, *, exonerated: bool
) -> Document | list[Document]:
    """The update that records an outcome."""
    fields: Document = {"status": status, **_ended(job), **_outcome_fields(outcome)}
    fields |= due_fields(follow_ups_of(outcome))
    if exonerated and status not in FINAL:
        fields |= {"lost": 0, "probes": 0}
    if job.refused_since is not None:
        fields["refusedSince"] = None
    if isinstance(outcome, Retry):
        return _again_later(fields, outcome, job)
    change: Document = {"$set": fields}
    if status in FINAL:
        change["$currentDate"] = _settled_now()
    else:
        # handed back: as if never rung, so the next look at silent jobs rings it
        change["$unset"] = {"rungAt": ""}
    if isinstance(outcome, Released) and outcome.lost:
        change["$inc"] = {"lost": 1}
    return change


def _again_later(fields: Document, outcome: Retry, job: Job) -> list[Document]:
    """The fields, and when the job is due.

    That is the server's time plus its delay, hence a pipeline: there every text from outside
    stands under `$literal`, as a text that begins with `$` would be evaluated.
    """
    due = {"$add": ["$$NOW", int(outcome.delay_seconds * 1000)]}
    literal: Document = {name: {"$literal": value} for name, value in fields.items()}
    if outcome.refused:
        literal["refusedSince"] = {"$ifNull": ["$refusedSince", "$$NOW"]}
    if outcome.had_its_turn:
        literal["standsSince"] = due
    elif stands_by_age(job.queue):
        literal["putOff"] = True
    attempts = (0 if outcome.fresh else job.attempts) + outcome.counts
    return [{"$set": {**literal, "dueAt": due, "attempts": attempts}}]


def _ended(job: Job) -> Document:
    """Nobody holds it any more, and it says who did."""
    return {"lease": None, "settledLease": job.lease and job.lease.id}


def settled_by(job: Job) -> Document:
    """The job as it is once this worker has settled it."""
    return {"_id": job.id, "settledLease": job.lease and job.lease.id}


def _settled_now() -> Document:
    return {"settledAt": True, "settledSeq": {"$type": "timestamp"}}


def cancellation() -> Document:
    """A job that waits is not to run any more."""
    return {"$set": {"status": JobStatus.CANCELLED}, "$currentDate": _settled_now()}


def beginning_anew() -> Document:
    """A job is queued again as if it had never been tried, and stands where it would now."""
    change = requeueing()
    change["$set"] |= {"attempts": 0, "lost": 0, "probes": 0, "refusedSince": None}
    change["$currentDate"] |= {"standsSince": True}
    return change


def requeueing() -> Document:
    """A job is queued again, and counts as rung now."""
    return {
        "$set": {"status": JobStatus.QUEUED, "lease": None, "dueAt": None},
        "$inc": {"ring": 1},
        "$currentDate": {"rungAt": True},
        "$unset": {"settledAt": "", "settledSeq": "", "putOff": ""},
    }


def expired(lease_ms: int) -> Document:
    """Jobs whose worker has not renewed its lease in time."""
    deadline = {"$subtract": ["$$NOW", lease_ms]}
    return {
        "status": {"$in": sources(JobTrigger.EXPIRE)},
        "$expr": {"$lt": ["$lease.renewedAt", deadline]},
    }


def held_under(worker: str) -> Document:
    """Jobs that a process of this name took and has not settled."""
    return {"status": {"$in": sources(JobTrigger.EXPIRE)}, "lease.worker": worker}


def expiry(*, scope_is_open: bool) -> Document:
    """A job loses its silent worker: it is queued again, or cancelled where its scope is over."""
    trigger = JobTrigger.EXPIRE if scope_is_open else JobTrigger.CANCEL
    change: Document = {
        "$set": {"status": advance(JobStatus.RUNNING, trigger), "lease": None},
        "$inc": {"lost": 1},
    }
    if not scope_is_open:
        change["$currentDate"] = _settled_now()
    else:
        # as if never rung, so the very next look at silent jobs rings it
        change["$unset"] = {"rungAt": ""}
    return change


def due() -> Document:
    """Jobs whose pause before the next try is over."""
    return {
        "status": {"$in": sources(JobTrigger.DUE)},
        "$expr": {"$lte": ["$dueAt", "$$NOW"]},
    }


def retrying(job_id: str) -> Document:
    """The job, where it waits to be tried again."""
    return {"_id": job_id, "status": {"$in": sources(JobTrigger.DUE)}}


def hastening() -> Document:
    """It need not wait any longer."""
    return {"$currentDate": {"dueAt": True}}


def silent(older_than_seconds: float, after: str | None = None) -> Document:
    """Queued jobs whose last ring is that long ago; of those whose ids come behind `after`."""
    deadline = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
    last_ring = {"$ifNull": ["$rungAt", {"$toDate": "$createdSeq"}]}
    behind = {} if after is None else {"_id": {"$gt": after}}
    return {"status": JobStatus.QUEUED, **behind, "$expr": {"$lt": [last_ring, deadline]}}


def rung(bell: Bell) -> UpdateOne:
    """A queued job was rung now."""
    return UpdateOne(
        {"_id": bell.job_id, "status": JobStatus.QUEUED},
        {"$max": {"ring": bell.ring}, "$currentDate": {"rungAt": True}},
    )
