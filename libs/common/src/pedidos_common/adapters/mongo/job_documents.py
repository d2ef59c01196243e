"""A job's document: the one place that knows its fields (see docs/data-model.md)."""

from __future__ import annotations

from datetime import timedelta

from bson.timestamp import Timestamp

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.domain.jobs import (
    FINAL,
    Band,
    Failed,
    Job,
    JobStatus,
    Lease,
    NewJob,
    Outcome,
    Retry,
    Succeeded,
)
from pedidos_common.ports import Bell, JobFilter

ERROR_LIMIT = 2_000


def document_of(job: NewJob) -> Document:
    """The document of a job that is created now.

    The empty timestamp is replaced by the server with its own rising one, so no process's
    clock gets into the ledger.
    """
    return {
        "_id": job.id,
        "createdSeq": Timestamp(0, 0),
        "function": job.function,
        "queue": job.queue,
        "band": int(job.band),
        "payload": dict(job.payload),
        "payloadVersion": job.payload_version,
        "scope": job.scope,
        "maxDeliveries": job.max_deliveries,
        "trace": job.trace,
        "status": JobStatus.QUEUED,
        "deliveries": 0,
        "lost": 0,
        "probes": 0,
        "attempts": 0,
        "lease": None,
        "ring": 1,
        "dueAt": None,
        "result": {},
        "error": None,
    }


def _lease_of(document: Document, lease_ms: int) -> Lease | None:
    lease = document.get("lease")
    if not lease:
        return None
    until = lease["renewedAt"] + timedelta(milliseconds=lease_ms)
    return Lease(document["_id"], lease["id"], lease["worker"], until)


def job_of(document: Document, lease_ms: int) -> Job:
    """The job that a document holds."""
    return Job(
        id=document["_id"],
        function=document["function"],
        queue=document["queue"],
        band=Band(document["band"]),
        payload=document["payload"],
        status=JobStatus(document["status"]),
        created_at=document["createdSeq"].as_datetime(),
        scope=document.get("scope"),
        max_deliveries=document.get("maxDeliveries", 5),
        payload_version=document.get("payloadVersion", 1),
        deliveries=document["deliveries"],
        lost=document.get("lost", 0),
        probes=document.get("probes", 0),
        attempts=document["attempts"],
        ring=document["ring"],
        due_at=document.get("dueAt"),
        first_claimed_at=document.get("firstClaimedAt"),
        claimed_at=document.get("claimedAt"),
        settled_at=document.get("settledAt"),
        worker=document.get("worker"),
        lease=_lease_of(document, lease_ms),
        result=document.get("result") or {},
        error=document.get("error"),
        trace=document.get("trace"),
    )


def bell_of(document: Document) -> Bell:
    """The bell to ring for a queued job."""
    return Bell(document["_id"], document["queue"], Band(document["band"]), document["ring"])


def scope_filter(scope: str | None) -> Document:
    """Jobs of one scope: their ids begin with it, so this is a range of `_id`."""
    return {} if scope is None else {"_id": {"$gte": f"{scope}:", "$lt": f"{scope};"}}


def listing_filter(wanted: JobFilter) -> Document:
    """The query of a listing."""
    query = scope_filter(wanted.scope)
    if wanted.statuses:
        query["status"] = {"$in": list(wanted.statuses)}
    if wanted.queue:
        query["queue"] = wanted.queue
    if wanted.function:
        query["function"] = wanted.function
    return query


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
    """The update that records an outcome.

    A retry needs the server's time plus its delay, hence a pipeline: there every text from
    outside stands under `$literal`, as a text that begins with `$` would be evaluated.
    """
    fields: Document = {"status": status, "lease": None, **_outcome_fields(outcome)}
    if exonerated and status not in FINAL:
        fields |= {"lost": 0, "probes": 0}
    if isinstance(outcome, Retry):
        due = {"$add": ["$$NOW", int(outcome.delay_seconds * 1000)]}
        literal = {name: {"$literal": value} for name, value in fields.items()}
        return [{"$set": {**literal, "dueAt": due, "attempts": job.attempts + outcome.counts}}]
    change: Document = {"$set": fields}
    if status in FINAL:
        change["$currentDate"] = {"settledAt": True, "settledSeq": {"$type": "timestamp"}}
    else:
        # handed back: as if never rung, so the next look at silent jobs rings it
        change["$unset"] = {"rungAt": ""}
    return change
