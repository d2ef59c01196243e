"""What both kinds of chunk jobs share: which chunk it is, and writing it, whole and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.generation import DrawnOrders
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Job
from pedidos_common.execution.registry import JobContext
from pedidos_common.ports import EncodedOrders, ImportRow, OrderStore

# a slice of 2,500 orders takes 2 to 5 ms: the event loop is never away for long
SLICE_ORDERS = 2_500
DEADLINE_SECONDS = 120.0

Documents = Sequence[Any]


class OrderEncoder(Protocol):
    """Turns orders into what the order store writes; documents are opaque here."""

    def drawn(self, orders: OrderRange, drawn: DrawnOrders, created_at: datetime) -> Documents:
        """The documents of simulated orders; `orders` are the ids of exactly these."""
        ...

    def imported(
        self, orders: OrderRange, rows: Sequence[ImportRow], created_at: datetime
    ) -> Documents:
        """The documents of imported orders; `orders` are the ids of exactly these."""
        ...

    def chunk(self, orders: OrderRange, vip: int, documents: Documents) -> EncodedOrders:
        """The whole chunk."""
        ...


class ChunkIncomplete(PedidosError):
    """After a chunk was written, the store held another number of its orders than expected."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of a run, as its job's payload names it."""

    orders: OrderRange
    created_at: datetime
    redelivered: bool

    def part(self, start: int, stop: int) -> OrderRange:
        """The ids of its orders from place `start` (from 0) up to, not including, `stop`."""
        first = self.orders.first
        return OrderRange(self.orders.run_id, first + start, first + stop - 1)


def chunk_of(job: Job) -> Chunk:
    """Read the payload that both kinds of chunk jobs have."""
    payload = job.payload
    orders = OrderRange(UUID(payload["runId"]), int(payload["first"]), int(payload["last"]))
    # the first claim's time: precise, and the same however often the chunk is written
    written_at = job.first_claimed_at or job.created_at
    return Chunk(orders, written_at, redelivered=job.deliveries > 1)


async def encode(
    size: int, encode_slice: Callable[[int, int], Documents], context: JobContext
) -> list[Any]:
    """Encode a chunk of `size` orders slice by slice; other tasks get their turn in between."""
    documents: list[Any] = []
    for start, stop in _slices(size):
        documents += encode_slice(start, stop)
        await asyncio.sleep(0)
    context.ensure_held()
    return documents


def _slices(size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size, SLICE_ORDERS):
        yield start, min(start + SLICE_ORDERS, size)


async def write(store: OrderStore, chunk: Chunk, encoded: EncodedOrders) -> int:
    """Write the chunk; how many of its orders are stored then.

    Raises:
        ChunkIncomplete: when these are more than the chunk has.
    """
    stored = await store.insert_chunk(encoded, redelivered=chunk.redelivered)
    if stored > len(chunk.orders):
        raise ChunkIncomplete(f"{stored} orders are stored of a chunk of {len(chunk.orders)}")
    return stored
