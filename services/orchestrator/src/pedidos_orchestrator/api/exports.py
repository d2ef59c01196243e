"""The orders of a run as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.runs import find_run
from pedidos_orchestrator.problems import problems
from pedidos_orchestrator.use_cases.export import (
    MEDIA_TYPES,
    ExportFormat,
    ExportSlots,
    export_orders,
    receipt_headers,
)

SEND_SECONDS = 60.0

router = APIRouter(prefix="/pedidos", tags=["runs"])
FILES = {media.split(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}


class ExportStream(StreamingResponse):
    """Holds a slot while its file goes out; 503 when there is none."""

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        slots: ExportSlots,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; break off where the client stops reading, which would keep the slot."""

        async def send_in_time(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_SECONDS)

        with self._slots.one():
            await super().__call__(scope, receive, send_in_time)


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
) -> ExportStream:
    """The orders as they stand, by id; the connection breaks if they can't all be read.

    Header `link` says where the run's receipt is, and `x-receipt-…` what it counts, once there
    is one. In a CSV, a text that a spreadsheet would take for a formula has `'` before it.
    Two exports go on at once; a further one is told 503 and when to come back.
    """
    run = await find_run(api, runId)
    headers = {
        "x-run-id": run.scope,
        **receipt_headers(run),
        "content-disposition": f'attachment; filename="pedidos-{run.scope}.{form.value}"',
    }
    pieces = export_orders(run.id, form, api.deps.orders)
    return ExportStream(pieces, api.exports, MEDIA_TYPES[form], headers)
