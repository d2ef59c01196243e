"""A batch over in-memory orders: each order ends once, neighbours do not matter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.ids import OrderRange, new_run_id, order_id
from pedidos_common.domain.jobs import (
    Band,
    Failed,
    Job,
    JobStatus,
    Outcome,
    Released,
    Retry,
    Succeeded,
)
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order, OrderFailure, Priority, StatusCounts, Tier
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.held_context import HeldContext
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_worker.calls import Calls
from pedidos_worker.handlers import (
    Answer,
    BuiltInHandler,
    EachOrder,
    ManyOrders,
    OrderHandler,
    bulk,
    bulk_seconds,
)
from pedidos_worker.process_batch import BatchProcessing
from pedidos_worker.settling import deadline_seconds
from pedidos_worker.slice_pace import SlicePace
from tests.unit.worker.ended import Ended
from tests.unit.worker.scripted import Scripted

RUN = new_run_id(1, 1)
SIZE = 20


class Bench:
    def __init__(self, handler: OrderHandler, max_attempts: int = 3) -> None:
        self.clock = ManualClock()
        self.store = InMemoryOrderStore(self.clock)
        self.whole = OrderRange(RUN, 1, SIZE)
        self.ended = Ended()
        policy = OrderPolicy(max_attempts, retry_base_ms=1_000)
        self.batch = BatchProcessing(self.store, handler, policy, ended=self.ended)
        self.context = HeldContext(self.clock() + timedelta(seconds=10))
        payload = {"runId": str(RUN), "priority": "VIP", "first": 1, "last": SIZE}
        self.job = Job(
            f"{RUN}:vip:000000:00000",
            "orders.process_batch",
            "orders",
            Band.HIGH,
            payload,
            JobStatus.RUNNING,
            datetime(2026, 1, 1, tzinfo=UTC),
            deliveries=1,
        )

    async def fill(self) -> None:
        orders = [
            Order(
                order_id(RUN, n), "Ana", Decimal("1.00"), Tier.DIAMANTE, Priority.VIP, self.clock()
            )
            for n in range(1, SIZE + 1)
        ]
        await self.store.insert_chunk(PlainChunk(self.whole, orders), redelivered=False)

    async def run(self) -> Outcome:
        outcome = await self.batch.perform(self.job, self.context)
        self.job = replace(self.job, deliveries=self.job.deliveries + 1)
        return outcome

    async def counts(self) -> StatusCounts:
        return await self.store.count(self.whole)


async def test_the_built_in_handler_takes_the_whole_batch_in_one_write() -> None:
    bench = Bench(BuiltInHandler())
    await bench.fill()
    outcome = await bench.run()
    assert outcome == Succeeded({"processed": SIZE, "failed": 0, "handler": "builtin"})
    record = await bench.store.get(order_id(RUN, 1))
    assert record is not None
    assert record.observacoes == "enviado com prioridade"


async def test_a_batch_that_is_run_again_changes_and_reports_the_same() -> None:
    bench = Bench(BuiltInHandler())
    await bench.fill()
    assert await bench.run() == await bench.run()
    assert bench.ended["VIP", "processed"] == SIZE, "each order is counted as ended once"


async def test_one_orders_failure_does_not_fail_its_neighbours() -> None:
    def answer(sequence: int) -> Answer:
        if sequence == 7:
            return PermanentOrderError("blocked")
        return ValueError("later") if sequence in {3, 9} else None

    bench = Bench(Scripted(answer))
    await bench.fill()
    outcome = await bench.run()
    assert isinstance(outcome, Retry)
    assert outcome.result["processed"] == SIZE - 3
    assert await bench.counts() == StatusCounts(pendente=2, processado=SIZE - 3, falhou=1)
    await bench.run()
    outcome = await bench.run()
    assert outcome == Succeeded({"processed": SIZE - 3, "failed": 3, "handler": "scripted"})
    assert bench.ended == {("VIP", "processed"): SIZE - 3, ("VIP", "failed"): 3}


async def test_an_order_that_fails_once_is_processed_the_next_time() -> None:
    seen: set[int] = set()

    def answer(sequence: int) -> Answer:
        if sequence % 5 == 0 and sequence not in seen:
            seen.add(sequence)
            return ConnectionError("provider away")
        return "texto" if sequence % 2 else None

    bench = Bench(Scripted(answer))
    await bench.fill()
    assert isinstance(await bench.run(), Retry)
    assert await bench.run() == Succeeded({"processed": SIZE, "failed": 0, "handler": "scripted"})
    record = await bench.store.get(order_id(RUN, 5))
    assert record is not None
    assert (record.order.attempts, record.observacoes) == (2, "texto")


async def test_a_batch_past_the_end_of_its_lease_writes_nothing() -> None:
    bench = Bench(BuiltInHandler())
    await bench.fill()
    bench.clock.advance(11)
    await bench.run()
    assert (await bench.counts()).pendente == SIZE
    assert not bench.ended.total()


async def test_a_failure_that_was_not_written_in_time_is_not_settled() -> None:
    bench = Bench(Scripted(lambda _sequence: PermanentOrderError("blocked")))
    await bench.fill()
    bench.clock.advance(11)
    outcome = await bench.run()
    assert isinstance(outcome, Retry)
    assert outcome.result["failed"] == 0
    assert (await bench.counts()).pendente == SIZE


async def test_a_draining_worker_hands_the_batch_back_between_slices() -> None:
    bench = Bench(Scripted(lambda _sequence: None))
    await bench.fill()
    bench.context.stopping = True
    assert await bench.run() == Released()


async def test_a_batch_that_kills_workers_is_split_to_the_last_order() -> None:
    bench = Bench(BuiltInHandler())
    await bench.fill()
    killer = replace(bench.job, lost=3, max_deliveries=3)
    outcome = await bench.batch.give_up(killer, bench.context, "its worker was lost 3 times")
    assert isinstance(outcome, Succeeded)
    parts = outcome.result["split"]
    assert [n for first, last in parts for n in range(first, last + 1)] == list(range(1, SIZE + 1))
    single = replace(killer, id=f"{killer.id}/0", payload={**killer.payload, "last": 1})
    outcome = await bench.batch.give_up(single, bench.context, "its worker was lost 3 times")
    assert isinstance(outcome, Failed)
    assert outcome.result["failed"] == 1
    record = await bench.store.get(order_id(RUN, 1))
    assert record is not None
    assert (record.status, record.error) == ("falhou", "its worker was lost 3 times")
    assert bench.ended == {("VIP", "processed"): 0, ("VIP", "failed"): 1}


async def test_a_batch_that_fails_for_good_is_split_too() -> None:
    bench = Bench(BuiltInHandler())
    await bench.fill()
    outcome = await bench.batch.give_up(bench.job, bench.context, "a bug")
    assert isinstance(outcome, Succeeded)
    assert outcome.result["split"]
    assert (await bench.counts()).pendente == SIZE


async def test_the_last_open_order_of_a_batch_is_not_failed_unheard() -> None:
    bench = Bench(Scripted(lambda sequence: ValueError("away") if sequence == 4 else None))
    await bench.fill()
    assert isinstance(await bench.run(), Retry)
    lost = replace(bench.job, lost=3, max_deliveries=3)
    outcome = await bench.batch.give_up(lost, bench.context, "its worker was lost 3 times")
    assert isinstance(outcome, Succeeded)
    assert outcome.result["split"]
    assert await bench.counts() == StatusCounts(pendente=1, processado=SIZE - 1)


async def test_a_backoff_holds_though_the_worker_shuts_down() -> None:
    def answer(sequence: int) -> Answer:
        bench.context.stopping = True
        return ValueError("away") if sequence == 2 else None

    bench = Bench(Scripted(answer))
    await bench.fill()
    outcome = await bench.run()
    assert isinstance(outcome, Retry)
    assert outcome.delay_seconds >= 0.5
    assert await bench.counts() == StatusCounts(pendente=SIZE - 5, processado=5)


async def test_a_run_keeps_the_attempts_that_it_was_started_with() -> None:
    bench = Bench(Scripted(lambda sequence: ValueError("away") if sequence == 4 else None))
    await bench.fill()
    bench.job = replace(bench.job, payload={**bench.job.payload, "policy": {"maxAttempts": 1}})
    assert isinstance(await bench.run(), Succeeded)
    assert await bench.counts() == StatusCounts(processado=SIZE - 1, falhou=1)


@pytest.mark.parametrize("handler", [BuiltInHandler(), Scripted(lambda _sequence: None)])
@pytest.mark.parametrize(
    "changed", [{"deliveries": 2}, {"id": f"{RUN}:vip:000000:00000/0"}], ids=["again", "part"]
)
async def test_an_order_that_was_sent_again_is_not_its_old_batch_s(
    handler: OrderHandler, changed: dict[str, Any]
) -> None:
    bench = Bench(handler)
    await bench.fill()
    dead = order_id(RUN, 7)
    await bench.store.mark_failures([OrderFailure(dead, "broken", True)], bench.context.fence)
    assert [order.id for order in await bench.store.revive([dead])] == [dead]
    bench.job = replace(bench.job, **changed)
    assert await bench.run() == Succeeded(
        {"processed": SIZE - 1, "failed": 1, "handler": handler.name}
    )
    record = await bench.store.get(dead)
    assert record is not None
    assert record.status == "pendente"


async def test_slices_of_a_batch_are_as_large_as_its_handler_is_quick() -> None:
    asked: list[int] = []

    @bulk
    async def slow(orders: Sequence[Order]) -> list[None]:
        asked.append(len(orders))
        await asyncio.sleep(0.01 * len(orders))
        return [None] * len(orders)

    pace = SlicePace(1, 20, start=12, target_seconds=0.04)
    bench = Bench(ManyOrders("m", slow, Calls(), pace))
    await bench.fill()
    assert isinstance(await bench.run(), Succeeded)
    assert asked == [12, 6, 2]
    assert pace.size <= 4


@pytest.mark.parametrize("concurrency", [1, 10, 100, 5_000])
def test_a_deadline_has_time_for_every_call_whatever_the_slices(concurrency: int) -> None:
    def each(size: int) -> OrderHandler:
        pace = SlicePace(concurrency, 1_000, start=size)
        return EachOrder("e", never, Calls(), concurrency, pace)

    def seconds(handler: OrderHandler) -> float:
        return deadline_seconds(handler, 1_000, handler.slice_size, 30.0)

    waves = -(-1_000 // concurrency)
    assert all(seconds(each(size)) >= 120 + waves * 61 for size in (1, 100, 400, 1_000))
    many = [
        seconds(ManyOrders("m", never, Calls(), SlicePace(10, 1_000, n))) for n in (10, 100, 1_000)
    ]
    assert many == sorted(many, reverse=True)
    assert many[-1] > bulk_seconds(1_000, 30.0)


async def never(_given: object) -> None:
    raise AssertionError
