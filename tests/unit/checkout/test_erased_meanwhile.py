"""A customer who is erased while an order of theirs is being written stays erased."""

from __future__ import annotations

from datetime import datetime

import pytest

from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_common.domain.orders import ERASED
from tests.unit.checkout.carts import CUSTOMER, a_checkout
from tests.unit.checkout.shop import Killed, Shop

CART = a_checkout()


async def a_shop() -> Shop:
    shop = Shop()
    for line in CART.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(CART)
    return shop


def erases_before_the_order_is_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """As the request does, between reading the checkout and writing its order."""
    create, calls = shop.orders.create, []

    async def late(order: PlacedOrder, fence: datetime) -> PlacedOrder:
        calls.append(order)
        if len(calls) == 1:
            await shop.checkouts.erase_customer(CUSTOMER.name)
            await shop.orders.erase_customer(CUSTOMER.name)
        written = await create(order, fence)
        if len(calls) <= kills:
            raise Killed
        return written

    monkeypatch.setattr(shop.orders, "create", late)


@pytest.mark.parametrize(
    ("kills", "status"),
    [(0, PlacedStatus.CONFIRMED), (1, PlacedStatus.CONFIRMED), (99, PlacedStatus.CANCELLED)],
)
async def test_an_order_that_is_written_behind_the_erasure_names_nobody(
    monkeypatch: pytest.MonkeyPatch, kills: int, status: PlacedStatus
) -> None:
    shop = await a_shop()
    erases_before_the_order_is_written(shop, monkeypatch, kills)
    await shop.run()
    order = await shop.orders.of_checkout(CART.id)
    assert order is not None
    assert (order.status, order.customer.name) == (status, ERASED)
    assert (order.customer.email, order.customer.phone) == (ERASED, None)


async def test_who_is_not_erased_keeps_the_name() -> None:
    shop = await a_shop()
    await shop.run()
    order = await shop.orders.of_checkout(CART.id)
    assert order is not None
    assert order.customer == CUSTOMER
