"""Order handlers: good ones, bad ones, and what their answers become."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import RetryPolicy
from pedidos_common.domain.orders import Order, Priority, Tier
from pedidos_common.testing.eventually import eventually
from pedidos_worker.calls import Calls
from pedidos_worker.handlers import (
    BuiltInHandler,
    EachOrder,
    HandlerNotUsable,
    ManyOrders,
    bulk,
    load_handler,
)
from pedidos_worker.slice_pace import SlicePace
from pedidos_worker.verdicts import judge

RUN = new_run_id(1, 1)


def each(call: Callable[[Order], Awaitable[Any]], calls: Calls | None = None) -> EachOrder:
    return EachOrder("h", call, calls or Calls(), 10, SlicePace(10, 1_000))


def many_orders(call: Callable[[Sequence[Order]], Awaitable[Any]]) -> ManyOrders:
    return ManyOrders("h", call, Calls(), SlicePace(10, 1_000, start=1_000))


HERE = __name__


def order(sequence: int, attempts: int = 0, priority: Priority = Priority.VIP) -> Order:
    tier = Tier.DIAMANTE if priority is Priority.VIP else Tier.OURO
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Order(
        order_id(RUN, sequence), "Ana", Decimal("1.00"), tier, priority, at, attempts=attempts
    )


async def by_sequence(given: Order) -> str | None:
    match given.id.int & 0xFF:
        case 1:
            return "feito"
        case 2:
            raise PermanentOrderError("blocked")
        case 3:
            raise ValueError("try again")
        case 4:
            return 17  # type: ignore[return-value]
        case 5:
            await asyncio.Event().wait()
    return None


async def test_each_answer_becomes_what_it_should() -> None:
    handler = each(by_sequence)
    orders = [order(n) for n in (1, 2, 3, 4, 5, 6, 7)]
    verdicts = judge(orders, await handler.answer(orders, 0.02), RetryPolicy(max_attempts=3))
    assert verdicts.alike == "enviado com prioridade"
    assert verdicts.others == {orders[0].id: "feito"}
    errors = {failure.id: failure for failure in verdicts.failures}
    assert errors[orders[1].id].final
    assert errors[orders[1].id].error == "blocked"
    assert not errors[orders[2].id].final
    assert "returned int" in errors[orders[3].id].error
    assert "longer than 0.02 s" in errors[orders[4].id].error
    assert verdicts.retry_seconds is not None


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


async def test_what_cannot_be_stored_or_shown_fails_nobody_else() -> None:
    async def odd(given: Order) -> str:
        match given.id.int & 0xFF:
            case 1:
                return "sent \ud83d"
            case 2:
                raise ValueError("cut \udcff")
            case 3:
                raise Unprintable
        return "fine"

    orders = [order(n) for n in (1, 2, 3, 4, 5)]
    answers = await each(odd).answer(orders, 1.0)
    verdicts = judge(orders, answers, RetryPolicy(max_attempts=3))
    assert verdicts.alike == "fine"
    assert verdicts.others == {orders[0].id: "sent ?"}
    errors = [failure.error for failure in verdicts.failures]
    assert errors[0] == "ValueError: cut ?"
    assert errors[1].startswith("Unprintable")
    for text in [*verdicts.others.values(), *errors]:
        text.encode()


async def test_a_cancellation_that_a_handler_ran_into_is_its_failure() -> None:
    async def cancelled(given: Order) -> None:
        shared = asyncio.get_running_loop().create_future()
        shared.cancel()
        await shared

    [answer] = await each(cancelled).answer([order(1)], 1.0)
    assert "cancelled" in str(answer)


async def test_a_handler_that_will_not_end_holds_nobody_up() -> None:
    go_on = asyncio.Event()

    async def stubborn(given: Order) -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    too_many: list[str] = []
    calls = Calls(on_too_many=lambda: too_many.append("ended"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pedidos_worker.calls.CLEAN_UP_SECONDS", 0.01)
        patch.setattr("pedidos_worker.calls.MAX_ABANDONED", 2)
        handler = each(stubborn, calls)
        assert [str(answer) for answer in await handler.answer([order(1)], 0.01)] == [
            "the handler took longer than 0.01 s"
        ]
        assert too_many == []
        await handler.answer([order(2)], 0.01)
    assert too_many == ["ended"]
    go_on.set()
    await eventually(lambda: not calls._abandoned)


async def test_a_cancelled_slice_cancels_its_calls() -> None:
    ended, entered = asyncio.Event(), asyncio.Event()

    async def endless(given: Order) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    slice_ = asyncio.create_task(load_and_answer(each(endless)))
    await entered.wait()
    slice_.cancel()
    await asyncio.wait_for(ended.wait(), 5)


async def load_and_answer(handler: EachOrder) -> None:
    await handler.answer([order(1)], 60.0)


async def test_a_call_that_blocks_the_loop_takes_no_time_from_its_neighbours() -> None:
    async def work(given: Order) -> str:
        if given.id.int & 0xFF == 1:
            time.sleep(0.4)  # noqa: ASYNC251 - what a shop should not do
            return "blocked the loop"
        for _ in range(5):
            await asyncio.sleep(0.02)
        return "needed a moment"

    handler = each(work)
    answers = await handler.answer([order(2), order(1), order(3)], 0.2)
    assert answers == ["needed a moment", "blocked the loop", "needed a moment"]


async def test_one_order_that_fails_a_bulk_call_fails_alone() -> None:
    sizes: list[int] = []

    @bulk
    async def picky(orders: Sequence[Order]) -> Sequence[str]:
        sizes.append(len(orders))
        if any(given.id.int & 0xFF == 11 for given in orders):
            raise PermanentOrderError("number 11 is blocked")
        return ["sent"] * len(orders)

    orders = [order(n) for n in range(1, 101)]
    answers = await many_orders(picky).answer(orders, 5.0)
    refused = [n for n, answer in enumerate(answers, 1) if isinstance(answer, PermanentOrderError)]
    assert refused == [11]
    assert answers.count("sent") == 99
    assert len(sizes) < 20


async def test_a_bulk_handler_that_hangs_is_not_asked_for_each_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pedidos_worker.handlers.CLEAN_UP_SECONDS", 0.0)
    calls: list[int] = []

    @bulk
    async def hangs(orders: Sequence[Order]) -> Sequence[str]:
        calls.append(len(orders))
        await asyncio.Event().wait()
        return []

    orders = [order(n) for n in range(1, 201)]
    answers = await many_orders(hangs).answer(orders, 0.02)
    assert all(isinstance(answer, TimeoutError) for answer in answers)
    assert len(answers) == 200
    assert len(calls) < 40


async def test_the_last_attempt_is_final() -> None:
    answer = ValueError("again")
    verdicts = judge([order(1, attempts=2)], [answer], RetryPolicy(max_attempts=3))
    assert verdicts.failures[0].final
    assert verdicts.retry_seconds is None
    assert verdicts.alike is None


@bulk
async def many(orders: Sequence[Order]) -> Sequence[str | Exception | None]:
    return [PermanentOrderError("no") if n == 0 else None for n, _ in enumerate(orders)]


@bulk
async def too_few(orders: Sequence[Order]) -> Sequence[None]:
    return [None]


async def one(given: Order) -> None:
    return None


def not_async(given: Order) -> None:
    return None


class CallableObject:
    async def __call__(self, given: Order) -> str:
        return "callable object"


an_object = CallableObject()


async def test_a_bulk_handler_answers_for_each_order() -> None:
    handler = load_handler(f"{HERE}:many", 10)
    assert isinstance(handler, ManyOrders)
    first, second = await handler.answer([order(1), order(2)], 1.0)
    assert isinstance(first, PermanentOrderError)
    assert second is None


async def test_a_bulk_handler_with_too_few_answers_fails_each_order() -> None:
    answers = await load_handler(f"{HERE}:too_few", 10).answer([order(1), order(2)], 1.0)
    assert all("for 2 orders" in str(answer) for answer in answers)


async def test_what_a_setting_may_name() -> None:
    assert isinstance(load_handler("builtin", 10), BuiltInHandler)
    assert isinstance(load_handler(f"{HERE}:one", 10), EachOrder)
    assert await load_handler(f"{HERE}:an_object", 10).answer([order(1)], 1.0) == [
        "callable object"
    ]


@pytest.mark.parametrize("spec", ["nothing.there:x", f"{HERE}:missing", f"{HERE}:not_async", "x"])
def test_a_handler_that_cannot_be_used_is_named(spec: str) -> None:
    with pytest.raises(HandlerNotUsable, match="ORDER_HANDLER="):
        load_handler(spec, 10)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("def handle(:", "SyntaxError"), ("raise RuntimeError('no catalogue')", "no catalogue")],
)
def test_a_module_that_fails_at_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "shop_broken.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(HandlerNotUsable, match=f"shop_broken:handle.*{reason}"):
        load_handler("shop_broken:handle", 10)


async def test_no_more_calls_than_asked_for_go_on_at_once_in_a_large_slice() -> None:
    most = now = 0

    async def quick(given: Order) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    handler = each(quick)
    answers = await handler.answer([order(n) for n in range(1, 96)], 1.0)
    assert answers == [None] * 95
    assert most == 10


async def test_a_slow_handler_answers_for_the_first_orders_and_is_given_fewer() -> None:
    async def slow(given: Order) -> str:
        await asyncio.sleep(0.06)
        return str(given.id.int & 0xFF)

    pace = SlicePace(10, 1_000, start=90, target_seconds=0.1)
    handler = EachOrder("h", slow, Calls(), 10, pace)
    answers = await handler.answer([order(n) for n in range(1, 91)], 1.0)
    assert answers == [str(n) for n in range(1, len(answers) + 1)]
    assert len(answers) < 90
    assert handler.slice_size <= 20
