"""Creating jobs: those that are absent, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from pedidos_common.adapters.mongo.client import CODEC, Collection
from pedidos_common.adapters.mongo.inserts import insert_absent
from pedidos_common.adapters.mongo.job_documents import BELL_FIELDS, bell_of, document_of
from pedidos_common.domain.jobs import JobStatus, NewJob
from pedidos_common.ports import Bell


async def create_all(collection: Collection, jobs: Sequence[NewJob]) -> Sequence[Bell]:
    """Insert the jobs that are absent; bells for those that are queued."""
    now = await _now(collection) if any(job.delay_seconds for job in jobs) else None
    if await insert_absent(collection, [document_of(job, now) for job in jobs]):
        return await still_queued(collection, [job.id for job in jobs])
    return [
        Bell(job.id, job.queue, job.band, 1, job.ahead_seconds)
        for job in jobs
        if not job.delay_seconds
    ]


async def still_queued(collection: Collection, ids: Sequence[str]) -> Sequence[Bell]:
    """Bells for those of the jobs that are queued."""
    queued = {"_id": {"$in": list(ids)}, "status": JobStatus.QUEUED}
    found = collection.find(queued, BELL_FIELDS)
    return [bell_of(document) async for document in found]


async def _now(collection: Collection) -> datetime:
    """The server's time: an insert can't work out a time from it."""
    hello = await collection.database.command("hello", codec_options=CODEC)
    return cast("datetime", hello["localTime"])
