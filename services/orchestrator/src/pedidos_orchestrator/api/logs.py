"""The newest log lines of all services."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_status import Logs
from pedidos_orchestrator.api.status_reading import encode
from pedidos_orchestrator.problems import problems

MAX_LINES = 10_000


def _usual(level: object) -> object:
    """The level as lines have it."""
    lower = level.lower() if isinstance(level, str) else level
    return "warning" if lower == "warn" else lower


Level = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_usual)]

router = APIRouter(prefix="/pedidos", tags=["operations"])


@router.get(
    "/logs",
    summary="Newest log lines of all services",
    response_model=Logs,
    responses=problems(422, 503),
)
async def logs(
    api: Context,
    lines: Annotated[int, Query(ge=1, le=MAX_LINES, description="how many")] = 500,
    level: Annotated[Level | None, Query(description="in any case; `warn` is `warning`")] = None,
    service: Annotated[str | None, Query(max_length=100, examples=["worker"])] = None,
) -> Response:
    """Oldest first; nothing is gathered with `BACKEND_LOGS=false`."""
    found: Sequence[str] = []
    if api.settings.backend_logs:
        found = await api.deps.logs.newest(lines, level, service)
    # ten thousand lines take long enough to hold up a status request
    return Response(await asyncio.to_thread(_joined, found), media_type="application/json")


def _joined(lines: Sequence[str]) -> bytes:
    # services hand lines over in batches, so they arrive in turns: sort what they say of the time
    found = sorted((_parsed(line) for line in lines), key=_time_of)
    return encode({"lines": found})


def _time_of(line: Mapping[str, Any]) -> str:
    return str(line.get("timestamp", ""))


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:  # a line that was cut at its bound
        return {"event": line}
    return found if isinstance(found, dict) else {"event": line}
