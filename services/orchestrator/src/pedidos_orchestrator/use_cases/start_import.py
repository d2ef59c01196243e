"""Take an upload in, and start a run of its rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

import structlog

from pedidos_common.domain.errors import ResetInProgress, RunAlreadyActive, Unavailable
from pedidos_common.domain.imports import ImportGone, ImportRejected, ImportTooLarge
from pedidos_common.domain.runs import Run
from pedidos_common.ports import ImportReport
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.use_cases.staging import stage
from pedidos_orchestrator.use_cases.start_run import (
    refuse_when_active,
    refuse_when_closed,
    start_imported,
)
from pedidos_orchestrator.views import import_view

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it comes in; `form` is csv or ndjson, `encoding` None means UTF-8."""

    stream: AsyncIterable[bytes]
    form: str
    filename: str = ""
    encoding: str | None = None
    dry_run: bool = False


async def import_orders(
    upload: Upload, deps: Deps, settings: ApiSettings, traceparent: str
) -> tuple[ImportReport, Run | None]:
    """The report of an upload, and the run that it started (None for a dry run).

    Raises:
        RunAlreadyActive: when another run is active; before the file is read, if it was then.
        ResetInProgress: when a reset is wiping.
        ProblemError: when the queue is closed, or the file can't be read, is too large, stalls,
            or has no good row.
    """
    if not upload.dry_run:
        await refuse_when_closed(deps)
        await refuse_when_active(deps)
    report = await _staged(upload, deps, settings)
    if not report.accepted:
        detail = "no row of the file was accepted: see the reasons in the report"
        raise ProblemError(422, detail, slug="nothing-accepted", **{"import": import_view(report)})
    if upload.dry_run:
        return report, None
    return report, await _start(report, deps, settings, traceparent)


async def _staged(upload: Upload, deps: Deps, settings: ApiSettings) -> ImportReport:
    try:
        return await stage(
            _in_time(upload.stream, settings.upload_idle_seconds),
            filename=upload.filename,
            format=upload.form,
            encoding=upload.encoding,
            dry_run=upload.dry_run,
            imports=deps.imports,
            chunk_size=settings.generation_chunk_size,
            max_bytes=settings.max_upload_bytes,
        )
    except ImportRejected as error:
        raise ProblemError(422, str(error), slug="file-rejected") from None
    except ImportTooLarge as error:
        raise ProblemError(413, str(error), headers={"connection": "close"}) from None
    except ImportGone as error:
        raise ProblemError(409, str(error), slug="import-gone") from None


async def _in_time(stream: AsyncIterable[bytes], idle_seconds: float) -> AsyncIterator[bytes]:
    """The stream, as long as something arrives; a client that stalls holds nothing up for ever."""
    pieces = aiter(stream)
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), idle_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            detail = f"nothing arrived for {idle_seconds:.0f} s: send the file again"
            raise ProblemError(408, detail, headers={"connection": "close"}) from None
        yield piece


async def _start(report: ImportReport, deps: Deps, settings: ApiSettings, traceparent: str) -> Run:
    """Start the run; where that is refused by now, nothing is left of the upload."""
    try:
        await refuse_when_closed(deps)  # it may have been closed while the file came in
        return await start_imported(report, deps, settings, traceparent)
    except (RunAlreadyActive, ResetInProgress, ProblemError):
        await _discard(report.id, deps)
        raise


async def _discard(import_id: str, deps: Deps) -> None:
    try:
        await deps.imports.discard(import_id)
    except Unavailable as error:
        _log.warning("import_discard_failed", importId=import_id, error=str(error))
