"""Probes and metrics: open to everyone, even with an API key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import choose_encoder

from pedidos_common.runtime.readiness import readiness
from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_status import Alive
from pedidos_orchestrator.problems import ProblemError, problems

router = APIRouter(tags=["probes"])


@router.get(
    "/healthz", summary="The process is alive", response_model=Alive, responses=problems(503)
)
async def alive(api: Context) -> Response:
    """Every part of the process turns; 503, and which ones (`stuck`), when one no longer does."""
    stuck = list(api.deps.stuck())
    if stuck:
        detail = f"no longer at work: {', '.join(stuck)}: restart the process"
        raise ProblemError(503, detail, slug="stuck", stuck=stuck)
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    summary="MongoDB and Redis take writes",
    response_model=dict[str, bool],
    responses=problems(503),
)
async def ready(api: Context) -> Response:
    """Each server by name; 503, the same members and `reasons`, when one can't be written to."""
    found = await readiness(api.deps.checks, api.settings.check_seconds)
    if not found.ready:
        detail = "; ".join(f"{name}: {reason}" for name, reason in found.reasons.items())
        extras: dict[str, Any] = {**found.verdicts, "reasons": dict(found.reasons)}
        raise ProblemError(503, detail, slug="not-ready", **extras)
    return JSONResponse(dict(found.verdicts))


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, api: Context) -> Response:
    """In the text format, or OpenMetrics where it is asked for."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(api.deps.registry), headers={"content-type": media_type})
