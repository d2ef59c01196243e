"""Every order of a run as a file, a piece at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from pedidos_common.ports import OrderStore
from pedidos_orchestrator.views import order_view

ROWS_PER_PIECE = 500
COLUMNS = (
    "id",
    "runId",
    "cliente",
    "valor",
    "tier",
    "priority",
    "status",
    "observacoes",
    "createdAt",
    "processedAt",
    "failedAt",
    "attempts",
    "error",
    "externalId",
    "orderedAt",
    "quantidade",
)


class ExportFormat(StrEnum):
    """How the file is written."""

    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.NDJSON: "application/x-ndjson",
}


async def export_orders(
    run_id: UUID, form: ExportFormat, orders: OrderStore
) -> AsyncIterator[bytes]:
    """The file in pieces of some hundred rows; memory stays flat however large the run."""
    if form is ExportFormat.CSV:
        yield _csv([dict(zip(COLUMNS, COLUMNS, strict=True))])
    encode = _csv if form is ExportFormat.CSV else _ndjson
    rows: list[Mapping[str, Any]] = []
    async for record in orders.export(run_id):
        rows.append(order_view(record))
        if len(rows) >= ROWS_PER_PIECE:
            yield encode(rows)
            rows.clear()
    if rows:
        yield encode(rows)


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """RFC 4180: every value as it is stored, quoted where it must be."""
    text = io.StringIO(newline="")
    csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
