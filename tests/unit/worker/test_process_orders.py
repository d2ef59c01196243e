"""Single orders that are sent again: each ends once, whatever happens to its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.ids import OrderRange, new_run_id, order_id, sequence_of
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
from pedidos_common.domain.orders import Order, Tier, priority_of
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.held_context import HeldContext
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_worker.calls import Calls
from pedidos_worker.handlers import Answer, EachOrder, ManyOrders, OrderHandler
from pedidos_worker.process_orders import OrderProcessing
from pedidos_worker.slice_pace import SlicePace
from tests.unit.worker.ended import Ended
from tests.unit.worker.scripted import Scripted

RUN = new_run_id(1, 1)


def tier_of(number: int) -> Tier:
    """The first three are VIP."""
    return Tier.DIAMANTE if number <= 3 else Tier.OURO


class Bench:
    """Ten orders, nine of which a job names."""

    def __init__(self, handler: OrderHandler) -> None:
        self.clock = ManualClock()
        self.store = InMemoryOrderStore(self.clock)
        self.context = HeldContext(self.clock() + timedelta(seconds=10))
        self.ended = Ended()
        self.singles = OrderProcessing(self.store, handler, OrderPolicy(2, 1_000), self.ended)
        payload = {"orderIds": [str(order_id(RUN, n)) for n in range(1, 10)]}
        self.job = Job(
            "redrive:1",
            "orders.process_orders",
            "orders",
            Band.NORMAL,
            payload,
            JobStatus.RUNNING,
            datetime(2026, 1, 1, tzinfo=UTC),
            deliveries=1,
        )

    async def run(self) -> Outcome:
        if not self.store._records:
            await self._fill()
        return await self.singles.perform(self.job, self.context)

    async def _fill(self) -> None:
        orders = [
            Order(
                order_id(RUN, n), "Ana", Decimal("1.00"), tier_of(n), priority_of(tier_of(n)), START
            )
            for n in range(1, 11)
        ]
        chunk = PlainChunk(OrderRange(RUN, 1, 10), orders)
        await self.store.insert_chunk(chunk, redelivered=False)

    async def status(self, number: int) -> str:
        record = await self.store.get(order_id(RUN, number))
        assert record is not None
        return str(record.status)


START = datetime(2026, 1, 1, tzinfo=UTC)


def result(processed: int, failed: int) -> dict[str, object]:
    return {"processed": processed, "failed": failed, "handler": "scripted"}


async def test_the_named_orders_are_processed_and_no_other() -> None:
    handler = Scripted(slice_size=4)
    bench = Bench(handler)
    assert await bench.run() == Succeeded(result(9, 0))
    assert await bench.status(10) == "pendente"
    assert [len(given) for given in handler.given] == [4, 4, 1]  # as many as it wants at once


async def test_a_job_that_is_run_again_changes_and_reports_the_same() -> None:
    bench = Bench(Scripted(slice_size=4))
    assert await bench.run() == await bench.run()


async def test_failures_are_tried_again_alone_and_at_last_dead() -> None:
    def answer(sequence: int) -> Answer:
        if sequence == 2:
            return PermanentOrderError("blocked")
        return ValueError("later") if sequence == 5 else None

    handler = Scripted(answer)
    bench = Bench(handler)
    outcome = await bench.run()
    assert isinstance(outcome, Retry)
    assert outcome.result == result(7, 1)
    handler.given.clear()
    assert await bench.run() == Succeeded(result(7, 2))
    assert [given for given in handler.given if given] == [[5]]
    assert bench.ended == {
        ("VIP", "processed"): 2,
        ("VIP", "failed"): 1,
        ("NORMAL", "processed"): 5,
        ("NORMAL", "failed"): 1,
    }


async def test_failures_are_counted_where_one_of_them_ended_elsewhere_meanwhile() -> None:
    class Overtaken(Scripted):
        async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
            elsewhere = {order_id(RUN, 5): "by another worker"}
            await bench.store.mark_each(elsewhere, bench.context.fence)
            return await super().answer(orders, timeout_seconds)

    bench = Bench(Overtaken(lambda _sequence: PermanentOrderError("blocked"), slice_size=9))
    await bench.run()
    assert bench.ended[("VIP", "failed")] == 3
    assert bench.ended[("NORMAL", "failed")] == 5


async def test_what_was_not_written_in_time_is_left_open() -> None:
    bench = Bench(Scripted(slice_size=4))
    bench.clock.advance(11)
    assert isinstance(await bench.run(), Retry)
    assert await bench.status(1) == "pendente"


async def test_a_draining_worker_hands_the_job_back() -> None:
    bench = Bench(Scripted(slice_size=4))
    bench.context.stopping = True
    assert await bench.run() == Released()


async def test_after_a_lost_worker_orders_go_one_by_one_there_and_back() -> None:
    handler = Scripted(slice_size=4)
    bench = Bench(handler)
    bench.job = replace(bench.job, lost=1)
    await bench.run()
    assert handler.given == [[n] for n in range(9, 0, -1)]
    handler = Scripted(slice_size=4)
    bench = Bench(handler)
    bench.job = replace(bench.job, lost=2)
    await bench.run()
    assert handler.given == [[n] for n in range(1, 10)]


async def test_giving_up_leaves_no_order_open() -> None:
    bench = Bench(Scripted(lambda n: ValueError("x") if n == 3 else None, slice_size=4))
    await bench.run()
    outcome = await bench.singles.give_up(bench.job, bench.context, "its worker was lost")
    assert outcome == Failed("its worker was lost", result(8, 1))
    again = await bench.singles.give_up(bench.job, bench.context, "its worker was lost")
    assert again == Succeeded(result(8, 1))


async def test_giving_up_too_late_settles_nothing() -> None:
    bench = Bench(Scripted(lambda n: ValueError("x") if n == 3 else None, slice_size=4))
    await bench.run()
    bench.clock.advance(11)
    outcome = await bench.singles.give_up(bench.job, bench.context, "its worker was lost")
    assert isinstance(outcome, Retry)


@pytest.mark.parametrize("many", [False, True])
async def test_a_handler_is_never_given_nothing_when_a_job_is_run_again(many: bool) -> None:
    tries: list[int] = []

    async def one(order: Order) -> str | None:
        if sequence_of(order.id) == 9 and not tries:
            tries.append(9)
            raise ValueError("away")
        return None

    async def all_of(orders: Sequence[Order]) -> list[str | None]:
        assert orders
        return [await one(order) for order in orders]

    by_four = SlicePace(4, 4)
    each = EachOrder("e", one, Calls(), 4, by_four)
    bench = Bench(ManyOrders("m", all_of, Calls(), by_four) if many else each)
    first = await bench.run()
    assert isinstance(first, Retry) or many
    assert isinstance(await bench.run(), Succeeded)


async def test_orders_that_a_slow_handler_was_not_asked_about_yet_follow() -> None:
    asked: list[int] = []

    async def one(order: Order) -> str | None:
        asked.append(sequence_of(order.id))
        return None

    by_two = SlicePace(2, 8, start=8, target_seconds=0.0)
    bench = Bench(EachOrder("e", one, Calls(), 2, by_two))
    assert isinstance(await bench.run(), Succeeded)
    assert asked == list(range(1, 10))
    assert by_two.size < 8
