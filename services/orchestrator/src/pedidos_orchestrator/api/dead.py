"""Dead letters: what used up its retries, and sending it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.orders import OrderStatus
from pedidos_common.ports import JobFilter, OrderFilter
from pedidos_orchestrator.api.context import (
    Context,
    Cursor,
    PageLimit,
    RunFilter,
    id_cursor,
    job_cursor,
    job_page,
)
from pedidos_orchestrator.api.models_orders import DeadLetters, RedriveRequest, RedriveResult
from pedidos_orchestrator.problems import problems
from pedidos_orchestrator.tracing import trace_of
from pedidos_orchestrator.views import order_view

router = APIRouter(prefix="/pedidos/dead", tags=["dead letters"])


@router.get(
    "",
    summary="Dead orders and dead jobs",
    response_model=DeadLetters,
    responses=problems(422, 503),
)
async def list_dead(
    api: Context,
    run: RunFilter = None,
    limit: PageLimit = 100,
    cursor: Cursor = None,
    jobsCursor: Cursor = None,
) -> dict[str, Any]:
    """Orders by id and jobs newest first; `cursor` pages the orders, `jobsCursor` the jobs."""
    run_id = UUID(run) if run else None
    wanted = OrderFilter(run_id=run_id, status=OrderStatus.FALHOU)
    failed = JobFilter(statuses=[JobStatus.FAILED], scope=str(run_id) if run_id else None)
    behind, behind_job = id_cursor(cursor), job_cursor(jobsCursor, "jobsCursor")
    orders = await api.deps.orders.page(wanted, limit, behind)
    jobs = await api.deps.ledger.page(failed, limit, behind_job)
    return {
        "orders": {"items": [order_view(one) for one in orders.items], "cursor": orders.cursor},
        "jobs": job_page(jobs),
    }


@router.post(
    "/redrive",
    summary="Send dead letters again",
    status_code=202,
    response_model=RedriveResult,
    responses=problems(400, 404, 409, 413, 422, 503),
)
async def redrive(request: Request, api: Context, wanted: RedriveRequest) -> dict[str, Any]:
    """Everything, or orders and jobs by id; orders that are not dead are left alone."""
    trace = trace_of(request.scope)
    if wanted.all:
        done = await api.redrive.all_dead(trace)
    else:
        done = await api.redrive.named(wanted.orderIds, wanted.jobIds, trace)
    return {"orders": done.orders, "jobs": done.jobs, "redriveJobs": done.job_ids}
