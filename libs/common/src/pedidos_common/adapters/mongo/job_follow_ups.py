"""What follows from a job, as the settled job's document keeps it until it is created.

`followUps` are the jobs, `followUpsDue` says that nobody has noted yet that they are there. Both
are absent from a job that nothing follows from.
"""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.domain.jobs import Band, NewJob
from pedidos_common.ports import FollowUps

FIELDS: Document = {"followUps": 1, "settledLease": 1}
# nothing is left to follow of a job; what was written before there were follow-ups is so too
FOLLOWED: Document = {"followUpsDue": None}


def due_fields(jobs: Sequence[NewJob]) -> Document:
    """What a settlement stores of its follow-ups; nothing where there are none."""
    return {"followUps": [_stored(job) for job in jobs], "followUpsDue": True} if jobs else {}


def _stored(job: NewJob) -> Document:
    document: Document = {
        "id": job.id,
        "function": job.function,
        "queue": job.queue,
        "band": int(job.band),
        "payload": dict(job.payload),
        "payloadVersion": job.payload_version,
        "scope": job.scope,
        "maxDeliveries": job.max_deliveries,
        "trace": job.trace,
    }
    if job.ahead_seconds:
        document["aheadSeconds"] = job.ahead_seconds
    if job.delay_seconds:
        document["delaySeconds"] = job.delay_seconds
    return document


def _new_job(document: Document) -> NewJob:
    return NewJob(
        id=document["id"],
        function=document["function"],
        queue=document["queue"],
        band=Band(document["band"]),
        payload=document["payload"],
        scope=document["scope"],
        max_deliveries=document["maxDeliveries"],
        payload_version=document["payloadVersion"],
        trace=document["trace"],
        ahead_seconds=document.get("aheadSeconds", 0.0),
        delay_seconds=document.get("delaySeconds", 0.0),
    )


def left(older_than_seconds: float) -> Document:
    """Jobs settled that long ago of which something is left to follow."""
    before = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
    return {"followUpsDue": True, "$expr": {"$lt": ["$settledAt", before]}}


def follow_ups_in(document: Document) -> FollowUps:
    """The follow-ups that a settled job's document holds."""
    jobs = [_new_job(one) for one in document["followUps"]]
    return FollowUps(document["_id"], document["settledLease"], jobs)


def settled_as(done: Sequence[FollowUps]) -> Document:
    """These jobs, as long as nobody has settled them anew; a lease is one settle's alone."""
    return {
        "_id": {"$in": [one.job_id for one in done]},
        "settledLease": {"$in": [one.lease_id for one in done]},
    }


def noted() -> Document:
    """Nothing is left to follow; what did is kept, for whoever looks."""
    return {"$unset": {"followUpsDue": ""}}
