"""Order handlers: good ones, bad ones, and what their answers become."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import RetryPolicy
from pedidos_common.domain.orders import Order, Priority, Tier
from pedidos_worker.handlers import (
    BuiltInHandler,
    EachOrder,
    HandlerNotUsable,
    ManyOrders,
    bulk,
    load_handler,
)
from pedidos_worker.verdicts import judge

RUN = new_run_id(1, 1)
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
    handler = EachOrder("h", by_sequence, timeout_seconds=0.02, slice_size=10)
    orders = [order(n) for n in (1, 2, 3, 4, 5, 6, 7)]
    verdicts = judge(orders, await handler.answer(orders), RetryPolicy(max_attempts=3))
    assert verdicts.alike == "enviado com prioridade"
    assert verdicts.others == {orders[0].id: "feito"}
    errors = {failure.id: failure for failure in verdicts.failures}
    assert errors[orders[1].id].final
    assert errors[orders[1].id].error == "blocked"
    assert not errors[orders[2].id].final
    assert "returned int" in errors[orders[3].id].error
    assert "longer than 0.02 s" in errors[orders[4].id].error
    assert verdicts.retry_seconds is not None


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
    handler = load_handler(f"{HERE}:many", 1.0, 10)
    assert isinstance(handler, ManyOrders)
    first, second = await handler.answer([order(1), order(2)])
    assert isinstance(first, PermanentOrderError)
    assert second is None


async def test_a_bulk_handler_with_too_few_answers_fails_each_order() -> None:
    answers = await load_handler(f"{HERE}:too_few", 1.0, 10).answer([order(1), order(2)])
    assert all("for 2 orders" in str(answer) for answer in answers)


async def test_what_a_setting_may_name() -> None:
    assert isinstance(load_handler("builtin", 1.0, 10), BuiltInHandler)
    assert isinstance(load_handler(f"{HERE}:one", 1.0, 10), EachOrder)
    assert await load_handler(f"{HERE}:an_object", 1.0, 10).answer([order(1)]) == [
        "callable object"
    ]


@pytest.mark.parametrize("spec", ["nothing.there:x", f"{HERE}:missing", f"{HERE}:not_async", "x"])
def test_a_handler_that_cannot_be_used_is_named(spec: str) -> None:
    with pytest.raises(HandlerNotUsable, match="ORDER_HANDLER="):
        load_handler(spec, 1.0, 10)


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
        load_handler("shop_broken:handle", 1.0, 10)
