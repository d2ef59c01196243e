"""Every store of placed orders keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus, order_of
from pedidos_checkout.ports import PlacedOrders
from pedidos_checkout.testing.in_memory_shop import InMemoryPlacedOrders
from pedidos_common.domain.errors import LeaseLost
from pedidos_common.domain.orders import ERASED
from tests.contract.carts import ANA, FOREVER, LONG_AGO, a_checkout, an_id, checkout_lab
from tests.contract.lab import KINDS, Lab

ONE = an_id(1)


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def orders(lab: Lab) -> PlacedOrders:
    if lab.database is not None:
        return MongoPlacedOrders(lab.database)
    assert lab.clock is not None
    return InMemoryPlacedOrders(lab.clock)


def an_order(number: int = 1) -> PlacedOrder:
    return order_of(a_checkout(number))


async def test_an_order_is_created_once_and_confirmed_once(lab: Lab, orders: PlacedOrders) -> None:
    before = await lab.now()
    created = await orders.create(an_order(), FOREVER)
    assert created.created_at is not None
    assert before <= created.created_at <= await lab.now()
    assert created == replace(an_order(), created_at=created.created_at)
    confirmed = await orders.confirm(ONE, FOREVER)
    assert confirmed is not None
    assert confirmed.status is PlacedStatus.CONFIRMED
    assert confirmed.confirmed_at is not None
    assert await orders.create(an_order(), FOREVER) == confirmed
    assert await orders.confirm(ONE, FOREVER) == confirmed
    assert await orders.of_checkout(ONE) == confirmed
    assert await orders.among([ONE, an_id(2)]) == {ONE: confirmed}


async def test_many_that_create_it_at_once_get_the_same(orders: PlacedOrders) -> None:
    created = await asyncio.gather(*(orders.create(an_order(), FOREVER) for _ in range(5)))
    assert len(set(created)) == 1


async def test_a_number_that_is_taken_is_not_given_again(orders: PlacedOrders) -> None:
    first = await orders.create(an_order(1), FOREVER)
    second = await orders.create(replace(an_order(2), number=first.number), FOREVER)
    assert second.number != first.number
    assert await orders.create(replace(an_order(2), number=first.number), FOREVER) == second


async def test_past_the_fence_nothing_is_written(orders: PlacedOrders) -> None:
    with pytest.raises(LeaseLost):
        await orders.create(an_order(), LONG_AGO)
    assert await orders.of_checkout(ONE) is None
    assert await orders.confirm(ONE, LONG_AGO) is None
    created = await orders.create(an_order(), FOREVER)
    with pytest.raises(LeaseLost):
        await orders.confirm(ONE, LONG_AGO)
    assert await orders.of_checkout(ONE) == created


@pytest.mark.parametrize("was_confirmed", [False, True])
async def test_a_cancelled_order_stays_so(orders: PlacedOrders, was_confirmed: bool) -> None:
    await orders.create(an_order(), FOREVER)
    if was_confirmed:
        await orders.confirm(ONE, FOREVER)
    for _ in range(2):
        await orders.cancel(ONE)
    confirmed = await orders.confirm(ONE, FOREVER)
    assert confirmed is not None
    assert confirmed.status is PlacedStatus.CANCELLED
    assert (await orders.create(an_order(), FOREVER)).status is PlacedStatus.CANCELLED


async def test_an_order_that_comes_after_its_cancellation_is_cancelled(
    orders: PlacedOrders,
) -> None:
    await orders.cancel(ONE)
    await orders.cancel(an_id(2))
    assert await orders.of_checkout(ONE) is None
    assert await orders.among([ONE]) == {}
    assert await orders.confirm(ONE, FOREVER) is None
    late = await orders.create(an_order(), FOREVER)
    assert (late.status, late.number) == (PlacedStatus.CANCELLED, an_order().number)


async def test_a_customers_orders_come_newest_first(lab: Lab, orders: PlacedOrders) -> None:
    for number in (1, 2, 3):
        created = await orders.create(an_order(number), FOREVER)
        assert created.created_at is not None
        await lab.until(partial(_is_past, lab, created.created_at))
    bia = replace(a_checkout(4), customer=replace(ANA, id="c-2"))
    await orders.create(order_of(bia), FOREVER)
    await orders.cancel(an_id(5))
    first = await orders.of_customer(ANA.id, 2, None)
    assert [one.checkout_id for one in first.items] == [an_id(3), an_id(2)]
    assert first.cursor is not None
    rest = await orders.of_customer(ANA.id, 2, first.cursor)
    assert ([one.checkout_id for one in rest.items], rest.cursor) == ([ONE], None)


async def _is_past(lab: Lab, moment: datetime) -> bool:
    return await lab.now() > moment


@pytest.mark.parametrize("cursor", ["x", "x.y", "²"])
async def test_a_cursor_that_no_page_gave_is_refused(orders: PlacedOrders, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await orders.of_customer(ANA.id, 2, cursor)


async def test_a_customer_is_erased(orders: PlacedOrders) -> None:
    await orders.create(an_order(), FOREVER)
    assert await orders.erase_customer("Ana") == 1
    found = await orders.of_checkout(ONE)
    assert found is not None
    assert found.customer == replace(ANA, name=ERASED, email=ERASED, phone=None)
    assert await orders.erase_customer("Ana") == 0


async def test_a_single_order_is_erased(orders: PlacedOrders) -> None:
    await orders.create(an_order(), FOREVER)
    await orders.create(an_order(2), FOREVER)
    await orders.erase(ONE)
    await orders.erase(an_id(3))
    await orders.cancel(an_id(3))
    await orders.erase(an_id(3))
    found = await orders.among([ONE, an_id(2), an_id(3)])
    assert found[ONE].customer == replace(ANA, name=ERASED, email=ERASED, phone=None)
    assert found[an_id(2)].customer == ANA
    assert set(found) == {ONE, an_id(2)}


async def test_orders_are_removed_and_what_was_cancelled_before(orders: PlacedOrders) -> None:
    for number in (1, 2):
        await orders.create(an_order(number), FOREVER)
    await orders.cancel(an_id(3))
    first = await orders.of_customer(ANA.id, 1, None)
    for _ in range(2):
        await orders.remove([ONE, an_id(3), an_id(9)])
    page = await orders.of_customer(ANA.id, 9, None)
    assert [one.checkout_id for one in page.items] == [an_id(2)]
    assert (await orders.create(an_order(3), FOREVER)).status is PlacedStatus.AWAITING_PAYMENT
    # a page that was asked for before goes on where it stood
    assert first.cursor is not None
    assert ONE not in {
        one.checkout_id for one in (await orders.of_customer(ANA.id, 9, first.cursor)).items
    }
