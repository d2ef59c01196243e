"""The queue: its state, its jobs, and what clears it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import QUEUES
from pedidos_common.ports import ENGINE_TOPIC, STATUS_TOPIC, JobFilter
from pedidos_orchestrator.api.context import (
    ApiContext,
    Context,
    JobCursor,
    PageLimit,
    job_cursor,
    job_page,
)
from pedidos_orchestrator.api.models_orders import (
    CleanResult,
    JobPage,
    JobShape,
    QueueChange,
    QueueStatus,
)
from pedidos_orchestrator.job_states import STATUS_OF
from pedidos_orchestrator.problems import not_found, problems
from pedidos_orchestrator.use_cases.clean import CleanState, clean_queue
from pedidos_orchestrator.use_cases.queue_health import count_of, counted_up_to
from pedidos_orchestrator.views import job_view

QUEUE_TOPIC = "queue"
ALL_TYPES = ",".join(STATUS_OF)
TYPES_PATTERN = "^({0})(,({0}))*$".format("|".join(STATUS_OF))

router = APIRouter(prefix="/pedidos/queue", tags=["queue"])


async def _change(api: ApiContext, state: str) -> dict[str, str]:
    await api.queue_state.write(state)
    api.desk.look_again()
    for topic in (QUEUE_TOPIC, ENGINE_TOPIC, STATUS_TOPIC):
        await api.deps.events.publish(topic)
    if state != "running":
        # workers look at the state a few times a second: after the answer none takes a job
        await asyncio.sleep(api.settings.notice_seconds)
    return {"state": state}


@router.post(
    "/pause", summary="Pause the queue", response_model=QueueChange, responses=problems(503)
)
async def pause(api: Context) -> dict[str, str]:
    """Workers finish what they have and take nothing new; holds across restarts."""
    return await _change(api, "paused")


@router.post(
    "/resume", summary="Resume the queue", response_model=QueueChange, responses=problems(503)
)
async def resume(api: Context) -> dict[str, str]:
    """Workers take jobs again, after a pause or a close."""
    return await _change(api, "running")


@router.post(
    "/close", summary="Close the queue", response_model=QueueChange, responses=problems(503)
)
async def close(api: Context) -> dict[str, str]:
    """Like a pause, and no run starts either, until the queue is resumed."""
    return await _change(api, "closed")


@router.get(
    "/status",
    summary="State and counts of the queue",
    response_model=QueueStatus,
    responses=problems(503),
)
async def queue_status(api: Context) -> dict[str, Any]:
    """Jobs by status, and the rings that the broker holds."""
    depths = await api.counts()
    counts = {status: count_of(depths, status) for status in JobStatus}
    rings = await asyncio.gather(*(_depth(api, queue) for queue in QUEUES))
    return {
        "state": await api.deps.queue_state.read(),
        "jobs": {status.value: count for status, count in counts.items()},
        **{name: counts[status] for name, status in STATUS_OF.items()},
        "countedUpTo": counted_up_to(api.deps.table),
        "rings": dict(zip(QUEUES, rings, strict=True)),
    }


async def _depth(api: ApiContext, queue: str) -> int | None:
    try:
        return await api.deps.transport.depth(queue)
    except Unavailable:  # the ledger's counts are the truth, and they are there
        return None


@router.get(
    "/jobs",
    summary="Jobs, newest first",
    response_model=JobPage,
    responses=problems(422, 503),
)
async def list_jobs(
    api: Context,
    types: Annotated[
        str, Query(max_length=200, pattern=TYPES_PATTERN, description=f"some of {ALL_TYPES}")
    ] = "waiting,active",
    limit: PageLimit = 100,
    cursor: JobCursor = None,
) -> dict[str, Any]:
    """Jobs of the ledger by where they stand."""
    statuses = [STATUS_OF[name] for name in dict.fromkeys(types.split(","))]
    wanted = JobFilter(statuses=statuses)
    return job_page(await api.deps.ledger.page(wanted, limit, job_cursor(cursor)))


@router.get(
    "/jobs/{jobId:path}",
    summary="One job",
    response_model=JobShape,
    responses=problems(404, 503),
)
async def get_job(api: Context, jobId: str) -> dict[str, Any]:
    """A job with its payload and result."""
    job = await api.deps.ledger.get(jobId)
    if job is None:
        raise not_found("job", jobId)
    return job_view(job)


@router.post(
    "/clean",
    summary="Clear jobs of one state",
    response_model=CleanResult,
    responses=problems(422, 503),
)
async def clean(api: Context, state: CleanState) -> dict[str, Any]:
    """`wait` and `delayed` cancel jobs of runs that are over; `completed` and `failed` delete
    final records of runs that are DONE. What an active run needs stays."""
    cleaned = await clean_queue(state, api.deps)
    return {"state": state, "removed": cleaned.removed, "purgedRings": cleaned.purged_rings}
