"""Whatever stands in a job's payload, the job settles, and nobody else's orders are touched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pedidos_common.domain.ids import OrderRange, order_id
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order, Tier, priority_of
from pedidos_common.domain.run_jobs import (
    GENERATE_CHUNK,
    IMPORT_CHUNK,
    NOTIFY_RUN_ENDED,
    PROCESS_BATCH,
    PROCESS_ORDERS,
)
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_generator.generate import generate_chunk
from pedidos_generator.import_rows import import_chunk
from pedidos_worker.handlers import BuiltInHandler
from pedidos_worker.notify import webhook_function
from pedidos_worker.process_batch import BatchProcessing
from pedidos_worker.process_orders import OrderProcessing
from tests.unit.generator.test_chunk_jobs import PlainEncoder

RUN, OTHER_RUN = UUID(int=1 << 64), UUID(int=2 << 64)
SIZE = 20
RIGHT: Mapping[str, Any] = {
    "runId": str(RUN),
    "index": 0,
    "chunk": 0,
    "first": 1,
    "last": SIZE,
    "seed": 7,
    "generatorVersion": 1,
    "importId": "none",
    "priority": "VIP",
    "policy": {"maxAttempts": 3, "retryBaseMs": 1, "handlerTimeoutMs": 50},
    "orderIds": [str(order_id(RUN, 1))],
    "phase": "DONE",
}
FUNCTIONS = (GENERATE_CHUNK, IMPORT_CHUNK, PROCESS_BATCH, PROCESS_ORDERS, NOTIFY_RUN_ENDED)
DELIVERIES = 8
TEXTS = st.sampled_from(
    ["", "VIP", "NORMAL", "$where", "x" * 300, "0", "-1", "\ud800", str(OTHER_RUN)]
)
# whatever a range may claim, it is small: how much one job may do is the plan's to say
NUMBERS = st.integers(-30, 60) | st.floats(-5, 60)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    TEXTS | NUMBERS | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def payloads(draw: st.DrawFn) -> Mapping[str, Any]:
    """One that is right but for some members that are something else, or are not there."""
    changed = draw(st.dictionaries(st.sampled_from(sorted(RIGHT)), ANYTHING, max_size=3))
    missing = draw(st.sets(st.sampled_from(sorted(RIGHT)), max_size=2))
    wanted = {**RIGHT, **changed}
    return {name: value for name, value in wanted.items() if name not in missing}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Tracebacks of wrong payloads are not drawn to the console, which takes seconds."""
    with capture_logs():
        yield


class Shop:
    """All job functions over stores in memory, with one run's orders and another's."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger = InMemoryJobLedger(self.clock, 10.0)
        self.orders = InMemoryOrderStore(self.clock)
        handler, policy = BuiltInHandler(), OrderPolicy()
        receiver = httpx.MockTransport(lambda _request: httpx.Response(200))
        functions = [
            generate_chunk(self.orders, PlainEncoder()),
            import_chunk(self.orders, InMemoryImportStore(self.clock), PlainEncoder()),
            BatchProcessing(self.orders, handler, policy).as_function(),
            OrderProcessing(self.orders, handler, policy).as_function(),
            webhook_function(httpx.AsyncClient(transport=receiver), "http://shop", ""),
        ]
        gate = ScopeGate(self._always, remember_seconds=0)
        held = HeldLeases(10.0)
        self.executor = Executor(self.ledger, table(functions), held, gate, "w", slots=2)

    async def _always(self, _scope: str) -> bool:
        return True

    async def fill(self, run_id: UUID) -> None:
        orders = [self._order(run_id, number) for number in range(1, SIZE + 1)]
        chunk = PlainChunk(OrderRange(run_id, 1, SIZE), orders)
        await self.orders.insert_chunk(chunk, redelivered=False)

    def _order(self, run_id: UUID, number: int) -> Order:
        tier = Tier.OURO
        return Order(
            id=order_id(run_id, number),
            cliente="Ana",
            valor=Decimal("12.30"),
            tier=tier,
            priority=priority_of(tier),
            created_at=self.clock(),
        )

    async def run(self, function: str, payload: Mapping[str, Any], deliveries: int) -> Job:
        """The job after so many deliveries, each of them settled."""
        job_id = f"{RUN}:normal:000000:00000"
        await self.ledger.create(
            [NewJob(job_id, function, "orders", Band.NORMAL, payload, scope=str(RUN))]
        )
        for _ in range(deliveries):
            await self.executor.deliver(job_id)
            await asyncio.gather(*self.executor._tasks)
            self.clock.advance(1_000)
            await self.ledger.release_due(1_000)
        found = await self.ledger.get(job_id)
        assert found is not None
        return found


async def check(function: str, payload: Mapping[str, Any]) -> Job:
    """No delivery loses a worker, and what the job is not about stays as it was."""
    shop = Shop()
    await shop.fill(OTHER_RUN)
    job = await shop.run(function, payload, DELIVERIES)
    assert job.status is not JobStatus.RUNNING
    assert job.lost == 0
    if str(OTHER_RUN) not in str(payload):
        others = await shop.orders.read_pending(OrderRange(OTHER_RUN, 1, SIZE), SIZE)
        assert len(others) == SIZE
    return job


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_the_right_payload_of_each_kind_is_taken(function: str) -> None:
    job = await check(function, RIGHT)
    assert job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}
    assert (job.status is JobStatus.FAILED) == (function == IMPORT_CHUNK), "there is no import"


@pytest.mark.parametrize("function", [PROCESS_BATCH, PROCESS_ORDERS])
async def test_a_payload_that_can_t_tell_the_job_s_deadline_waits_with_a_reason(
    function: str,
) -> None:
    job = await check(function, {"first": "one"})
    assert job.status is JobStatus.QUEUED
    assert job.error is not None
    assert "could not be begun: KeyError" in job.error
    assert job.refused_since is not None, "looking at it again and again would be progress"


@given(st.sampled_from(FUNCTIONS), payloads())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_payload_settles(function: str, payload: Mapping[str, Any]) -> None:
    await check(function, payload)


@pytest.mark.slow
@pytest.mark.timeout(600)
@given(st.sampled_from(FUNCTIONS), payloads())
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
async def test_thousands_of_payloads_settle(function: str, payload: Mapping[str, Any]) -> None:
    await check(function, payload)
