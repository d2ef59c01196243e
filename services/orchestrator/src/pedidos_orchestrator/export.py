"""Every order of a run as a file, a piece at a time."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from uuid import UUID

from pedidos_common.ports import OrderRecord, OrderStore
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.views import order_view

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

Encode = Callable[[Sequence[Mapping[str, Any]]], bytes]


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
        yield _csv([dict(zip(COLUMNS, COLUMNS, strict=True))])
    encode = _csv if form is ExportFormat.CSV else _ndjson
    records: list[OrderRecord] = []
    async for record in orders.export(run_id):
        records.append(record)
        if len(records) >= ROWS_PER_PIECE:
            yield await asyncio.to_thread(_piece, encode, records)
            records = []
    if records:
        yield await asyncio.to_thread(_piece, encode, records)


def _piece(encode: Encode, records: Sequence[OrderRecord]) -> bytes:
    return encode([order_view(record) for record in records])


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """RFC 4180: every value as it is stored, quoted where it must be."""
    text = io.StringIO(newline="")
    csv.DictWriter(text, COLUMNS, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _ndjson(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
