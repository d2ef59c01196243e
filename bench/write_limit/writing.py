"""What each process does: it writes its batches, and watches how long each write takes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.execution.latency_limit import LatencyLimit
from pedidos_common.execution.write_limiter import Constant, WriteLimiter

DATABASE = "pedidos_write_limit"
SLOTS, MOST, START = 25, 16, 1
RUN = new_run_id(1_700_000_000_000, 7)
FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
TEXT = "processado sem prioridade"


@dataclass(frozen=True, slots=True)
class Part:
    """What one process does: every so-many-th batch; limit 0 finds its own."""

    uri: str
    orders: int
    batch: int
    limit: int
    share: int
    processes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one process saw: the limits that it had and how long each write took."""

    began_at: float
    ended_at: float
    limits: Sequence[int]
    seconds: Sequence[float]


class Watch:
    """Keeps how long writes took, and the limit after each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.limits: list[int] = []

    def wrote(self, seconds: float) -> None:
        """See `WriteWatch`."""
        self.seconds.append(seconds)

    def stands(self, limit: int, in_flight: int) -> None:  # noqa: ARG002 - as it is called
        """See `WriteWatch`."""
        self.limits.append(limit)


def started() -> None:
    """Nothing: that a process has it means that it has loaded this module, before a clock runs."""


def write(part: Part) -> Seen:
    """Write the process's batches, as many at once as the limit has it."""
    return asyncio.run(_write_all(part))


async def _write_all(part: Part) -> Seen:
    watch = Watch()
    size = Constant(part.limit) if part.limit else LatencyLimit(MOST, START)
    writes = WriteLimiter(size, watch)
    batches = deque(_batches(part))
    async with connect(part.uri, "bench") as client:
        store = MongoOrderStore(durable(client, DATABASE))
        await store.get(batches[0].low)
        began_at = time.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(SLOTS):
                group.create_task(_slot(store, writes, batches))
        return Seen(began_at, time.time(), watch.limits, watch.seconds)


def _batches(part: Part) -> Iterator[OrderRange]:
    step = part.batch * part.processes
    for first in range(1 + part.share * part.batch, part.orders + 1, step):
        yield OrderRange(RUN, first, min(first + part.batch - 1, part.orders))


async def _slot(store: MongoOrderStore, writes: WriteLimiter, batches: deque[OrderRange]) -> None:
    while batches:
        orders = batches.popleft()
        async with writes.writing(len(orders)):
            await store.mark_processed(orders, TEXT, FOREVER, first_time=True)
