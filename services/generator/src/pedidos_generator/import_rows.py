"""The job `orders.import_chunk`: write the orders of one chunk of a staged import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Job, Outcome, Succeeded
from pedidos_common.domain.orders import Priority, Tier, priority_of
from pedidos_common.domain.run_jobs import IMPORT_CHUNK, UPGRADES
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.ports import ImportRow, ImportStore, OrderStore
from pedidos_generator.chunks import (
    DEADLINE_SECONDS,
    Chunk,
    Documents,
    OrderEncoder,
    chunk_of,
    encode,
    write,
)
from pedidos_generator.generate import RETRY


@dataclass(frozen=True, slots=True)
class ImportChunk:
    """Writes chunks of an import: VIP rows first, each kind in the order of the file."""

    store: OrderStore
    imports: ImportStore
    encoder: OrderEncoder

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """Write one chunk.

        Rows whose external id another import brought meanwhile are not written: they are the
        result's `duplicates`, and leave holes in the chunk's ids.

        Raises:
            ImportGone: when the staged rows are not there any more.
            ChunkIncomplete: when more orders are stored than the chunk has.
        """
        chunk = chunk_of(job)
        rows = await self.imports.chunk(
            str(job.payload["importId"]), chunk.orders.first, chunk.orders.last
        )
        vip, ordered = vip_first(rows)

        def encode_slice(start: int, stop: int) -> Documents:
            part = chunk.part(start, stop)
            return self.encoder.imported(part, ordered[start:stop], chunk.created_at)

        documents = await encode(len(ordered), encode_slice, context)
        encoded = self.encoder.chunk(chunk.orders, vip, documents)
        stored = await write(self.store, chunk, encoded)
        return Succeeded(await self._result(chunk, vip, stored))

    async def _result(self, chunk: Chunk, vip: int, stored: int) -> dict[str, Any]:
        """`vip` and `normal` say where the priorities' ids end, holes included."""
        size = len(chunk.orders)
        result = {"vip": vip, "normal": size - vip, "duplicates": size - stored}
        if stored < size and vip:
            held = await self.store.count(_first(chunk.orders, vip))
            result["duplicatesVip"] = vip - held.total
        return result


def vip_first(rows: Sequence[ImportRow]) -> tuple[int, list[ImportRow]]:
    """How many rows are VIP, and all rows with these first."""
    vip = [row for row in rows if _is_vip(row)]
    return len(vip), vip + [row for row in rows if not _is_vip(row)]


def _is_vip(row: ImportRow) -> bool:
    return row.tier is not None and priority_of(Tier(row.tier)) is Priority.VIP


def _first(orders: OrderRange, count: int) -> OrderRange:
    return OrderRange(orders.run_id, orders.first, orders.first + count - 1)


def import_chunk(store: OrderStore, imports: ImportStore, encoder: OrderEncoder) -> JobFunction:
    """The job function."""
    return JobFunction(
        name=IMPORT_CHUNK,
        perform=ImportChunk(store, imports, encoder).perform,
        retry=RETRY,
        deadline_seconds=lambda _job: DEADLINE_SECONDS,
        upgrades=UPGRADES[IMPORT_CHUNK],
    )
