"""The status: one read, pulled or pushed."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_status import Status
from pedidos_orchestrator.problems import problems

router = APIRouter(prefix="/pedidos", tags=["status"])


@router.get(
    "",
    summary="Status of the current run",
    response_model=Status,
    responses=problems(503),
)
async def status(api: Context) -> Response:
    """Phase, times, counts, throughput and estimate of the current run, in one read."""
    return Response(await api.status(), media_type="application/json")
