"""Every order of a run as a file, a piece at a time."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from uuid import UUID

from pedidos_common.domain.runs import Run
from pedidos_common.ports import OrderRecord, OrderStore
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.views import order_view, plain

ROWS_PER_PIECE = 500
RETRY_AFTER_SECONDS = 10
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
TEXTS = ("cliente", "observacoes", "error", "externalId")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
RECEIPT_COUNTS = ("accepted", "generated", "processed", "failed", "pending", "balanced")


class ExportFormat(StrEnum):
    """How the file is written."""

    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.NDJSON: "application/x-ndjson",
}


class ExportSlots:
    """How many exports may go on at once: each takes processor time from everybody else."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot.

        Raises:
            ProblemError: 503, when all are taken.
        """
        if self._taken >= self._most:
            raise ProblemError(
                503,
                f"{self._most} exports go on already: try again once one of them has ended",
                slug="exports-busy",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


async def export_orders(
    run_id: UUID, form: ExportFormat, orders: OrderStore
) -> AsyncIterator[bytes]:
    """The file in pieces of some hundred rows; memory stays flat however large the run."""
    if form is ExportFormat.CSV:
        yield f"{','.join(COLUMNS)}\r\n".encode()
    records: list[OrderRecord] = []
    async for record in orders.export(run_id):
        records.append(record)
        if len(records) >= ROWS_PER_PIECE:
            yield await asyncio.to_thread(piece, form, records)
            records = []
    if records:
        yield await asyncio.to_thread(piece, form, records)


def piece(form: ExportFormat, records: Sequence[OrderRecord]) -> bytes:
    """The rows of some orders."""
    rows = [order_view(record) for record in records]
    return _csv(rows) if form is ExportFormat.CSV else _ndjson(rows)


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """RFC 4180: every value as it is stored, quoted where it must be, but for formulas."""
    text = io.StringIO(newline="")
    safe = ({**row, **{name: _no_formula(row[name]) for name in TEXTS}} for row in rows)
    csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writerows(safe)
    return text.getvalue().encode()


def _no_formula(text: str | None) -> str | None:
    """The text as a spreadsheet shows it: it would run what begins like a formula."""
    return f"'{text}" if text and text.startswith(FORMULA_STARTS) else text


def _ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def receipt_headers(run: Run) -> dict[str, str]:
    """Where the run's receipt is, and its counts where there is one already."""
    counts = plain(run.receipt) or {}
    return {
        "link": f'</pedidos/runs/{run.scope}/receipt>; rel="describedby"',
        **{
            f"x-receipt-{name}": json.dumps(counts[name])
            for name in RECEIPT_COUNTS
            if name in counts
        },
    }
