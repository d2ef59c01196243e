"""A queue's jobs by status and age: queries on the index `queues`, and reading what they give.

Ids of jobs need not rise with time; the server's own sequence of their creation does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.timestamp import Timestamp

from pedidos_common.adapters.mongo.client import Collection, Document
from pedidos_common.adapters.mongo.job_documents import WAITS_SINCE
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.ports import Failure, Page, QueueDepth

# a job that was tried before waits less long than its age, so some more than one are looked at
OLDEST_AMONG = 200
OF_A_FAILURE = {"function": 1, "error": 1, "settledAt": 1, "createdSeq": 1}


def standing_pipeline(
    queues: Sequence[str], statuses: Sequence[JobStatus], limit: int
) -> list[Document]:
    """What `JobLedger.standing` is made of: bounded ranges of the index, counted without jobs."""
    counts = [_count_of(queue, status, limit) for queue in queues for status in statuses]
    waiting = queues if JobStatus.QUEUED in statuses else ()
    first, *others = [*counts, *(_oldest_of(queue) for queue in waiting)]
    return [*first, *({"$unionWith": {"coll": "jobs", "pipeline": each}} for each in others)]


def put_off_pipeline(queues: Sequence[str], limit: int) -> list[Document]:
    """What `JobLedger.put_off` is made of: bounded ranges of an index that has them alone."""
    first, *others = (_put_off_in(queue, limit) for queue in queues)
    return [*first, *({"$unionWith": {"coll": "jobs", "pipeline": each}} for each in others)]


def _put_off_in(queue: str, limit: int) -> list[Document]:
    return [
        {"$match": {"putOff": True, "queue": queue, "status": JobStatus.RETRYING}},
        {"$limit": limit},
        {"$group": {"_id": {"$literal": queue}, "count": {"$sum": 1}}},
    ]


def _count_of(queue: str, status: JobStatus, limit: int) -> list[Document]:
    key = {"queue": {"$literal": queue}, "status": {"$literal": status}}
    return [
        {"$match": {"queue": queue, "status": status}},
        {"$limit": limit},
        {"$group": {"_id": key, "count": {"$sum": 1}}},
    ]


def _oldest_of(queue: str) -> list[Document]:
    age = {"$subtract": ["$$NOW", {"$min": "$since"}]}
    return [
        {"$match": {"queue": queue, "status": JobStatus.QUEUED}},
        {"$sort": {"createdSeq": 1}},
        {"$limit": OLDEST_AMONG},
        {"$group": {"_id": {"queue": {"$literal": queue}}, "since": {"$min": WAITS_SINCE}}},
        {"$project": {"age": age}},
    ]


def standing_of(queues: Sequence[str], groups: Sequence[Document]) -> list[QueueDepth]:
    """Each queue, from what `standing_pipeline` gave."""
    counts: dict[str, dict[JobStatus, int]] = {queue: {} for queue in queues}
    ages: dict[str, float] = {}
    for group in groups:
        queue, status = group["_id"]["queue"], group["_id"].get("status")
        if status is None:
            ages[queue] = max(0.0, group["age"] / 1000)
        else:
            counts[queue][JobStatus(status)] = int(group["count"])
    return [QueueDepth(queue, found, ages.get(queue, 0.0)) for queue, found in counts.items()]


async def newest_documents(
    jobs: Collection, query: Document, limit: int, cursor: str | None, fields: Any = None
) -> Page[Document]:
    """The last created documents first, at most `limit`."""
    if cursor:
        query = {**query, "createdSeq": {"$lt": _moment_of(cursor)}}
    found = jobs.find(query, fields).sort("createdSeq", -1).limit(limit + 1)
    documents = [document async for document in found]
    more = len(documents) > limit
    return Page(documents[:limit], _cursor_of(documents[limit - 1]) if more else None)


def _moment_of(cursor: str) -> Timestamp:
    seconds, _, ordinal = cursor.partition(".")
    return Timestamp(int(seconds), int(ordinal))


def _cursor_of(document: Mapping[str, Any]) -> str:
    created: Timestamp = document["createdSeq"]
    return f"{created.time}.{created.inc}"


def failure_of(document: Document) -> Failure:
    """The failure that a document holds."""
    settled_at = document.get("settledAt") or document["createdSeq"].as_datetime()
    return Failure(document["_id"], document["function"], document.get("error") or "", settled_at)
