"""The orders of a run as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.runs import find_run
from pedidos_orchestrator.export import MEDIA_TYPES, ExportFormat, export_orders
from pedidos_orchestrator.problems import problems

router = APIRouter(prefix="/pedidos", tags=["runs"])
FILES = {media.split(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}


@router.get(
    "/runs/{runId}/export",
    summary="Every order of a run as CSV or NDJSON",
    response_class=StreamingResponse,
    responses=problems(404, 422, 503)
    | {200: {"description": "the file, streamed; header x-run-id names the run", "content": FILES}},
)
async def export(
    api: Context,
    runId: str,
    form: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.CSV,
) -> StreamingResponse:
    """The orders as they stand, by id; the connection breaks if they can't all be read."""
    run = await find_run(api, runId)
    headers = {
        "x-run-id": run.scope,
        "content-disposition": f'attachment; filename="pedidos-{run.scope}.{form.value}"',
    }
    pieces = export_orders(run.id, form, api.deps.orders)
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)
