"""A job's document: its first form, reading it back, and queries (steps: `job_changes.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bson.timestamp import Timestamp

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.domain.jobs import OPEN, Band, Job, JobStatus, Lease, NewJob
from pedidos_common.domain.queues import stands_by_age
from pedidos_common.ports import Bell, JobFilter, QueueDepth

IN_DEPTHS = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING, JobStatus.FAILED)
AGE_MS: Document = {"$subtract": ["$$NOW", {"$max": [{"$toDate": "$createdSeq"}, "$standsSince"]}]}
# what a bell is made of
BELL_FIELDS: Document = {"queue": 1, "band": 1, "ring": 1, "aheadSeconds": 1, "ageMs": AGE_MS}
WAITS_SINCE: Document = {"$max": [{"$toDate": "$createdSeq"}, "$claimedAt", "$dueAt"]}


def document_of(job: NewJob, now: datetime | None = None) -> Document:
    """The document of a job that is created now.

    The empty timestamp is replaced by the server with its own rising one, so no process's
    clock gets into the ledger. A head start is there where there is one. `now` is the server's,
    for jobs that are due later.
    """
    due_at = now + timedelta(seconds=job.delay_seconds) if now and job.delay_seconds else None
    document: Document = {
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
        "status": JobStatus.RETRYING if due_at else JobStatus.QUEUED,
        "deliveries": 0,
        "lost": 0,
        "probes": 0,
        "attempts": 0,
        "lease": None,
        "ring": 1,
        "dueAt": due_at,
        "result": {},
        "error": None,
    }
    if due_at:
        document["standsSince"] = due_at
    if job.ahead_seconds:
        document["aheadSeconds"] = job.ahead_seconds
    return document


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
        refused_since=document.get("refusedSince"),
        ahead_seconds=document.get("aheadSeconds", 0.0),
        stands_since=document.get("standsSince"),
    )


def bell_of(document: Document) -> Bell:
    """The bell to ring for a queued job, from its `BELL_FIELDS`."""
    queue, ahead = document["queue"], document.get("aheadSeconds", 0.0)
    if stands_by_age(queue):
        ahead += max(0.0, document["ageMs"] / 1000)
    return Bell(document["_id"], queue, Band(document["band"]), document["ring"], ahead)


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
    if wanted.refused:
        query["refusedSince"] = {"$type": "date"}
    return query


def quiet_pipeline() -> list[Document]:
    """What `JobLedger.quiet_seconds` is made of: ages in ms of waiting, and of running jobs."""
    is_running = {"$eq": ["$status", JobStatus.RUNNING]}
    since = {"$cond": [is_running, "$lease.renewedAt", WAITS_SINCE]}
    age = {"$subtract": ["$$NOW", since]}
    group = {"_id": is_running, "oldest": {"$max": age}, "newest": {"$min": age}}
    return [{"$match": {"status": {"$in": sorted(OPEN)}}}, {"$group": group}]


def depths_pipeline(limit: int) -> list[Document]:
    """What `JobLedger.depths` is made of: a range of the index on `status` for each of them."""
    first, *others = (_depth_of(status, limit) for status in IN_DEPTHS)
    united = [{"$unionWith": {"coll": "jobs", "pipeline": other}} for other in others]
    return [*first, *united, {"$set": {"age": {"$subtract": ["$$NOW", "$since"]}}}]


def _depth_of(status: JobStatus, limit: int) -> list[Document]:
    group: Document = {
        "_id": {"queue": "$queue", "status": "$status"},
        "count": {"$sum": 1},
        "since": {"$min": WAITS_SINCE},
    }
    return [{"$match": {"status": status}}, {"$limit": limit}, {"$group": group}]


def depths_of(groups: Sequence[Document]) -> list[QueueDepth]:
    """The queues that the groups of `depths_pipeline` are of."""
    counts: dict[str, dict[JobStatus, int]] = {}
    waiting: dict[str, float] = {}
    for group in groups:
        queue, status = group["_id"]["queue"], JobStatus(group["_id"]["status"])
        counts.setdefault(queue, {})[status] = int(group["count"])
        if status is JobStatus.QUEUED:
            waiting[queue] = max(0.0, group["age"] / 1000)
    return [QueueDepth(queue, found, waiting.get(queue, 0.0)) for queue, found in counts.items()]
