"""Runs: start, cancel, reset, resume; history and comparison."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from pedidos_common.domain.runs import AbortRequest, Phase, Run
from pedidos_orchestrator.api.context import Context, IdCursor, PageLimit, id_cursor, known_id
from pedidos_orchestrator.api.models_runs import (
    CancelResult,
    Comparison,
    Receipt,
    ResetResult,
    RunPage,
    RunShape,
    Started,
)
from pedidos_orchestrator.problems import ProblemError, invalid, not_found, problems
from pedidos_orchestrator.tracing import trace_of
from pedidos_orchestrator.use_cases.cancel import cancel_run
from pedidos_orchestrator.use_cases.compare import compare_runs
from pedidos_orchestrator.use_cases.reset import reset_all
from pedidos_orchestrator.use_cases.resume import resume_run
from pedidos_orchestrator.use_cases.start_run import MAX_SEED, start_generated
from pedidos_orchestrator.views import phase_of, run_started, run_view

router = APIRouter(prefix="/pedidos", tags=["runs"])

Quantity = Annotated[int, Query(ge=1, description="how many orders", examples=[1_000_000])]
Seed = Annotated[
    int | None,
    Query(ge=0, le=MAX_SEED, description="the same seed and quantity give the same orders"),
]


@router.post(
    "/generate",
    summary="Start a run of generated orders",
    status_code=202,
    response_model=Started,
    responses=problems(409, 422, 503),
)
async def generate(
    request: Request, api: Context, quantity: Quantity, seed: Seed = None
) -> dict[str, Any]:
    """Start the whole pipeline: generation, VIP orders, then NORMAL ones."""
    if quantity > api.settings.max_orders:
        limit = f"a whole number from 1 to {api.settings.max_orders}"
        raise invalid("quantity", f"must be {limit}, but was '{quantity}'")
    traceparent = trace_of(request.scope).traceparent
    return run_started(await start_generated(quantity, seed, api.deps, api.settings, traceparent))


@router.post(
    "/cancel",
    summary="Cancel the active run",
    response_model=CancelResult,
    responses=problems(422, 503) | {202: {"model": CancelResult, "description": "still draining"}},
)
async def cancel(
    api: Context,
    purge: Annotated[bool, Query(description="forget the broker's rings")] = True,
    removePending: Annotated[bool, Query(description="delete `pendente` orders")] = True,
    resetLogs: Annotated[bool, Query(description="forget the gathered logs")] = False,
) -> JSONResponse:
    """Stop new work, let active batches end, and say what was done; harmless when idle."""
    abort = AbortRequest(remove_pending=removePending, purge=purge, reset_logs=resetLogs)
    done = await cancel_run(abort, api.deps, api.settings.cancel_wait_seconds)
    body = {
        "cancelledJobs": 0,
        "deletedPending": 0,
        "removePending": False,
        "purgedRings": 0,
        **done.done,
        "cancelled": done.cancelled,
        "runId": done.run.scope if done.run else None,
        "phase": phase_of(done.run).value,
        "drained": done.drained and done.done.get("drained", True),
        "message": done.message,
    }
    return JSONResponse(body, status_code=200 if body["drained"] else 202)


@router.post(
    "/reset",
    summary="Wipe everything back to IDLE",
    response_model=ResetResult,
    responses=problems(409, 422, 503),
)
async def reset(
    api: Context,
    force: Annotated[bool, Query(description="cancel an active run first")] = False,
    history: Annotated[bool, Query(description="delete the history of runs too")] = False,
) -> dict[str, Any]:
    """Delete orders, jobs, imports and rings; the history of runs stays unless asked for."""
    wiped = await reset_all(force, history, api.deps, api.settings)
    return {
        "reset": True,
        "phase": Phase.IDLE.value,
        "deletedOrders": wiped.orders,
        "deletedJobs": wiped.jobs,
        "purgedRings": wiped.rings,
        "historyDeleted": history,
        "queueState": await api.deps.queue_state.read(),
    }


@router.get(
    "/runs",
    summary="Runs, newest first",
    response_model=RunPage,
    responses=problems(422, 503),
)
async def list_runs(api: Context, limit: PageLimit = 20, cursor: IdCursor = None) -> dict[str, Any]:
    """The history of runs, a page at a time."""
    page = await api.deps.runs.page(limit, id_cursor(cursor))
    return {"items": [run_view(run) for run in page.items], "cursor": page.cursor}


@router.get(
    "/runs/{runId}",
    summary="One run",
    response_model=RunShape,
    responses=problems(404, 503),
)
async def get_run(api: Context, runId: str) -> dict[str, Any]:
    """A run with its plan, settings, phases and figures."""
    return run_view(await find_run(api, runId))


@router.get(
    "/runs/{runId}/compare/{otherId}",
    summary="Two runs side by side",
    response_model=Comparison,
    responses=problems(404, 503),
)
async def compare(api: Context, runId: str, otherId: str) -> dict[str, Any]:
    """Both runs, and every field in which they differ."""
    a, b = run_view(await find_run(api, runId)), run_view(await find_run(api, otherId))
    return {"a": a, "b": b, "differences": compare_runs(a, b)}


@router.get(
    "/runs/{runId}/receipt",
    summary="The receipt of a run that is over",
    response_model=Receipt,
    responses=problems(404, 409, 503),
)
async def receipt(api: Context, runId: str) -> dict[str, Any]:
    """Counts over the run's orders, taken when it ended."""
    run = await find_run(api, runId)
    if run.receipt is None:
        detail = f"run {run.scope} has no receipt in phase {run.phase.value}: it is made at the end"
        raise ProblemError(409, detail, slug="no-receipt", phase=run.phase.value)
    return {key: run_view(run)[key] for key in ("runId", "phase", "receipt")}


@router.post(
    "/runs/{runId}/resume",
    summary="Resume a cancelled or failed run",
    status_code=202,
    response_model=Started,
    responses=problems(404, 409, 503),
)
async def resume(api: Context, runId: str) -> dict[str, Any]:
    """Go on where the run stopped; what is done already stays done."""
    return run_started(await resume_run(known_id("run", runId), api.deps))


async def find_run(api: Context, text: str) -> Run:
    """The run that a path names.

    Raises:
        ProblemError: 404, when there is none.
    """
    run = await api.deps.runs.get(known_id("run", text))
    if run is None:
        raise not_found("run", text)
    return run
