"""Each queue by itself: how it stands, its jobs, its state and its dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from pedidos_common.domain.queues import QueuePolicy
from pedidos_common.ports import ENGINE_TOPIC, STATUS_TOPIC
from pedidos_orchestrator.api.context import MAX_PAGE, ApiContext, Context, PageLimit
from pedidos_orchestrator.api.models_orders import JobPage
from pedidos_orchestrator.api.models_queues import (
    DeadLetterGroups,
    QueueList,
    QueueRedriveRequest,
    QueueRedriveResult,
    QueueShape,
    QueuesHealth,
    SingleQueueChange,
)
from pedidos_orchestrator.api.queue import QUEUE_TOPIC
from pedidos_orchestrator.job_states import STATUS_OF
from pedidos_orchestrator.problems import not_found, problems
from pedidos_orchestrator.times import iso
from pedidos_orchestrator.use_cases.dead_letters import Group, group_dead_letters, redrive_group
from pedidos_orchestrator.use_cases.queue_health import (
    QueueFacts,
    counted_up_to,
    health_view,
    policy_view,
    queue_view,
)
from pedidos_orchestrator.views import job_view

HEALTH_PATH = "/api/health/queues"
LISTED = 100
ListedStatus = Literal["waiting", "active", "delayed", "completed", "failed"]
# the server's time of a job's creation in seconds, and which of that second's it was
MOMENT_PATTERN = "^(?:[0-9]{1,9}|[1-3][0-9]{9})[.][0-9]{1,9}$"
MomentCursor = Annotated[
    str | None,
    Query(pattern=MOMENT_PATTERN, description="where the page before this one ended"),
]

router = APIRouter(prefix="/api", tags=["queues"])
_log = structlog.get_logger(__name__)


def _policy(api: ApiContext, queue: str) -> QueuePolicy:
    """The queue that a path names.

    Raises:
        ProblemError: 404, when the table has no such queue.
    """
    if queue not in api.deps.table:
        raise not_found("queue", queue)
    return api.deps.table[queue]


@router.get(
    "/health/queues",
    summary="Health of each queue",
    response_model=QueuesHealth,
    responses={503: {**problems(503)[503], "model": QueuesHealth}},
)
async def queues_health(api: Context) -> JSONResponse:
    """200 when all are healthy; 503 when one is over its limit, stuck, or without a worker."""
    found = health_view(await api.queues(), counted_up_to(api.deps.table))
    return JSONResponse(found, 200 if found["status"] == "healthy" else 503)


@router.get("/queues", summary="Every queue", response_model=QueueList, responses=problems(503))
async def list_queues(api: Context) -> dict[str, Any]:
    """How each stands, and how it is worked."""
    found = [_shape(facts) for facts in await api.queues()]
    return {
        "countedUpTo": counted_up_to(api.deps.table),
        "checkout": api.settings.has_checkout,
        "queues": found,
    }


@router.get(
    "/queues/{queue}",
    summary="One queue",
    response_model=QueueShape,
    responses=problems(404, 503),
)
async def get_queue(api: Context, queue: str) -> dict[str, Any]:
    """How it stands, and how it is worked."""
    policy = _policy(api, queue)
    return next(_shape(facts) for facts in await api.queues() if facts.policy is policy)


def _shape(facts: QueueFacts) -> dict[str, Any]:
    return {**queue_view(facts), "policy": policy_view(facts.policy)}


@router.get(
    "/queues/{queue}/jobs",
    summary="Jobs of a queue, newest first",
    response_model=JobPage,
    responses=problems(404, 422, 503),
)
async def list_queue_jobs(
    api: Context,
    queue: str,
    status: ListedStatus = "waiting",
    limit: PageLimit | None = None,
    cursor: MomentCursor = None,
) -> dict[str, Any]:
    """The newest ones that the queue's policy keeps listed, or `limit`; `cursor` goes on."""
    policy = _policy(api, queue)
    kept = {"completed": policy.keep_completed, "failed": policy.keep_failed}
    wanted = limit or min(max(1, kept.get(status, LISTED)), MAX_PAGE)
    page = await api.deps.ledger.newest(queue, STATUS_OF[status], wanted, cursor)
    return {"items": [job_view(job) for job in page.items], "cursor": page.cursor}


async def _change(api: ApiContext, queue: str, state: str) -> dict[str, str]:
    _policy(api, queue)
    await api.deps.queue_state.write_queue(queue, state)
    api.queues.forget()
    api.desk.look_again()
    _log.info("queue_changed", queue=queue, state=state)
    for topic in (QUEUE_TOPIC, ENGINE_TOPIC, STATUS_TOPIC):
        await api.deps.events.publish(topic)
    if state != "running":
        # others look at the state a few times a second: after the answer all know it
        await asyncio.sleep(api.settings.notice_seconds)
    return {"queue": queue, "state": state}


@router.post(
    "/queues/{queue}/pause",
    summary="Pause a queue",
    response_model=SingleQueueChange,
    responses=problems(404, 503),
)
async def pause_queue(api: Context, queue: str) -> dict[str, str]:
    """Its jobs wait; workers finish what they have of it. Holds across restarts."""
    return await _change(api, queue, "paused")


@router.post(
    "/queues/{queue}/resume",
    summary="Resume a queue",
    response_model=SingleQueueChange,
    responses=problems(404, 503),
)
async def resume_queue(api: Context, queue: str) -> dict[str, str]:
    """Its jobs are taken again, and new work is let in, after a pause or a drain."""
    return await _change(api, queue, "running")


@router.post(
    "/queues/{queue}/drain",
    summary="Drain a queue",
    response_model=SingleQueueChange,
    responses=problems(404, 503),
)
async def drain_queue(api: Context, queue: str) -> dict[str, str]:
    """Its jobs are worked to the last, and no new work from outside is let in."""
    return await _change(api, queue, "draining")


@router.get(
    "/queues/{queue}/dead-letters",
    summary="A queue's dead letters, by what they have in common",
    response_model=DeadLetterGroups,
    responses=problems(404, 503),
)
async def list_dead_letters(api: Context, queue: str) -> dict[str, Any]:
    """Of the newest 10,000 failed jobs, the 200 largest groups."""
    _policy(api, queue)
    found = await group_dead_letters(queue, api.deps)
    return {
        "queue": queue,
        "lookedAt": found.looked_at,
        "complete": found.complete,
        "groups": _groups(found.groups),
    }


def _groups(groups: Sequence[Group]) -> list[dict[str, Any]]:
    return [
        {
            "fingerprint": group.fingerprint,
            "function": group.function,
            "error": group.error,
            "count": group.count,
            "first": iso(group.first),
            "last": iso(group.last),
        }
        for group in groups
    ]


@router.post(
    "/queues/{queue}/dead-letters/{fingerprint}/redrive",
    summary="Send a group of dead letters again",
    status_code=202,
    response_model=QueueRedriveResult,
    responses=problems(400, 404, 409, 413, 422, 503),
)
async def redrive_dead_letters(
    api: Context, queue: str, fingerprint: str, wanted: QueueRedriveRequest | None = None
) -> dict[str, Any]:
    """The same jobs wait again, under their ids, so nobody outside does anything twice."""
    _policy(api, queue)
    limit = (wanted or QueueRedriveRequest()).limit
    done = await redrive_group(queue, fingerprint, limit, api.deps)
    api.queues.forget()
    return {
        "queue": queue,
        "fingerprint": fingerprint,
        "redriven": done.jobs,
        "left": done.left,
        "complete": done.complete,
    }
