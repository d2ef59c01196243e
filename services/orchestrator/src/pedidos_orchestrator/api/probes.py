"""Probes and metrics: open to everyone, even with an API key."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import choose_encoder

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_status import Alive
from pedidos_orchestrator.problems import ProblemError, problems
from pedidos_orchestrator.use_cases.health import answers

router = APIRouter(tags=["probes"])


@router.get("/healthz", summary="The process is alive", response_model=Alive)
async def alive() -> Response:
    """Answers as long as the event loop turns."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    summary="MongoDB and Redis answer",
    response_model=dict[str, bool],
    responses=problems(503),
)
async def ready(api: Context) -> Response:
    """Each server by name; 503, and the same members, when one does not answer in time."""
    names = list(api.deps.checks)
    limit = api.settings.check_seconds
    found = await asyncio.gather(*(answers(api.deps.checks[name], limit) for name in names))
    verdicts: dict[str, Any] = dict(zip(names, found, strict=True))
    if not all(found):
        away = ", ".join(name for name, answered in verdicts.items() if not answered)
        raise ProblemError(503, f"no answer in time from {away}", slug="not-ready", **verdicts)
    return JSONResponse(verdicts)


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
