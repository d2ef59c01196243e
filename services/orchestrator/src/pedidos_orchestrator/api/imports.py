"""Imports: real orders from a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_runs import DryRun, ImportShape, ImportStarted
from pedidos_orchestrator.problems import ProblemError, not_found, problems, shortened
from pedidos_orchestrator.tracing import trace_of
from pedidos_orchestrator.use_cases.start_import import Upload, import_orders
from pedidos_orchestrator.views import import_view, run_started

FileFormat = Literal["csv", "ndjson"]
FORMAT_OF: dict[str, FileFormat] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
}
OPAQUE = "application/octet-stream"
IMPORT_PATH = "/pedidos/import"
FILE = {"schema": {"type": "string", "format": "binary"}}
BODY = {"required": True, "content": dict.fromkeys((*FORMAT_OF, OPAQUE), FILE)}

router = APIRouter(prefix="/pedidos", tags=["imports"])


@router.post(
    "/import",
    summary="Start a run of real orders from a file",
    status_code=202,
    response_model=ImportStarted,
    responses=problems(408, 409, 413, 415, 422, 503)
    | {200: {"model": DryRun, "description": "what a dry run found"}},
    openapi_extra={"requestBody": BODY},
)
async def import_file(
    request: Request,
    api: Context,
    form: Annotated[
        FileFormat | None, Query(alias="format", description="by content type where not given")
    ] = None,
    dryRun: Annotated[bool, Query(description="only report")] = False,
    filename: Annotated[str, Query(max_length=255)] = "",
    encoding: Annotated[str | None, Query(max_length=40, examples=["utf-8", "latin-1"])] = None,
) -> JSONResponse:
    """The body is the file itself, of any size; it is staged durably before the run starts."""
    upload = Upload(
        request.stream(), form or _form_of(request, filename), filename, encoding, dryRun
    )
    traceparent = trace_of(request.scope).traceparent
    report, run = await import_orders(upload, api.deps, api.settings, traceparent)
    if run is None:
        return JSONResponse({"dryRun": True, "import": import_view(report)})
    return JSONResponse({**run_started(run), "import": import_view(report)}, status_code=202)


def _form_of(request: Request, filename: str) -> FileFormat:
    """The format, by content type, or by the file's name where the type says nothing."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type in FORMAT_OF:
        return FORMAT_OF[media_type]
    ending = filename.rpartition(".")[2].lower()
    if media_type in {"", OPAQUE} and ending in {"csv", "ndjson", "jsonl"}:
        return "csv" if ending == "csv" else "ndjson"
    was = shortened(media_type) or "none"
    detail = f"send text/csv or application/x-ndjson, or say format=csv or ndjson (it was {was})"
    raise ProblemError(415, detail)


@router.get(
    "/imports/{importId}",
    summary="The report of an import",
    response_model=ImportShape,
    responses=problems(404, 503),
)
async def get_import(api: Context, importId: str) -> dict[str, Any]:
    """What became of the upload: rows taken, and rows rejected by line."""
    report = await api.deps.imports.report(importId)
    if report is None:
        raise not_found("import", importId)
    return import_view(report)
