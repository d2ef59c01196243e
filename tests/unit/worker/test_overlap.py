"""Reading, handling and writing go on side by side, over the jobs of a worker, within bounds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pedidos_common.domain.ids import OrderRange, new_run_id, order_id
from pedidos_common.domain.jobs import Band, Job, JobStatus, Succeeded
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order, Priority, Tier
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.held_context import HeldContext
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_worker.handlers import Answer
from pedidos_worker.process_batch import BatchProcessing

RUN = new_run_id(1, 1)
JOBS, BATCH, SLICE = 6, 60, 10


@dataclass
class Stages:
    """Which stages go on, and how many orders are between being read and being written."""

    now: Counter[str] = field(default_factory=Counter)
    together: set[frozenset[str]] = field(default_factory=set)
    held: int = 0
    most_held: int = 0

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        self.now[name] += 1
        self.together.add(frozenset(+self.now))
        await asyncio.sleep(0.002)
        yield
        self.now[name] -= 1

    def hold(self, count: int) -> None:
        self.held += count
        self.most_held = max(self.most_held, self.held)


class SlowStore(InMemoryOrderStore):
    """Takes a moment for each call."""

    def __init__(self, stages: Stages) -> None:
        super().__init__(ManualClock())
        self._stages = stages

    async def read_pending(self, orders: OrderRange, limit: int) -> Sequence[Order]:
        async with self._stages.stage("read"):
            found = await super().read_pending(orders, limit)
            self._stages.hold(len(found))
            return found

    async def mark_processed(self, orders: OrderRange, *args: Any, **how: Any) -> int:
        async with self._stages.stage("write"):
            self._stages.hold(-len(orders))
            return await super().mark_processed(orders, *args, **how)


@dataclass
class SlowHandler:
    """Takes a moment for each slice."""

    stages: Stages
    name: str = "slow"
    slice_size: int = SLICE

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        async with self.stages.stage("handle"):
            return [None] * len(orders)


def job(number: int) -> Job:
    first = number * BATCH + 1
    payload: Mapping[str, Any] = {
        "runId": str(RUN),
        "priority": "NORMAL",
        "first": first,
        "last": first + BATCH - 1,
    }
    at = datetime(2026, 1, 1, tzinfo=UTC)
    name = f"{RUN}:normal:000000:{number:05d}"
    function = "orders.process_batch"
    return Job(name, function, "orders", Band.HIGH, payload, JobStatus.RUNNING, at, deliveries=1)


async def test_stages_of_several_jobs_overlap_and_hold_a_slice_each_at_most() -> None:
    stages = Stages()
    store = SlowStore(stages)
    whole = OrderRange(RUN, 1, JOBS * BATCH)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    orders = [
        Order(order_id(RUN, n), "Ana", Decimal("1.00"), Tier.OURO, Priority.NORMAL, at)
        for n in range(1, JOBS * BATCH + 1)
    ]
    await store.insert_chunk(PlainChunk(whole, orders), redelivered=False)
    batches = BatchProcessing(store, SlowHandler(stages), OrderPolicy())
    context = HeldContext(at + timedelta(days=10_000))
    outcomes = await asyncio.gather(*(batches.perform(job(n), context) for n in range(JOBS)))
    assert outcomes == [Succeeded({"processed": BATCH, "failed": 0, "handler": "slow"})] * JOBS
    assert frozenset({"read", "handle", "write"}) in stages.together
    assert SLICE < stages.most_held <= JOBS * SLICE
    assert stages.held == 0
