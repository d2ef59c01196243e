"""Checkouts of a world that a page shows: placed as a shop does, and moved on by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import Ending, follow_ups
from pedidos_checkout.domain.placed_orders import PlacedOrder, order_of
from pedidos_checkout.domain.shop import Product
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_common.domain.jobs import Succeeded
from pedidos_common.testing.eventually import eventually
from tests.unit.api.world import World

SKU = "SKU-1"
PROVIDER = "http://provider"  # that is never asked


async def place(world: World, customer: str = "c-1", name: str = "cup") -> Checkout:
    """A checkout that was taken in and is begun; `name` is what the product is called."""
    product = Product(SKU, name, Decimal("12.30"))
    await world.shop.catalogue.add([(product, 10)], [])
    who = {"id": customer, "name": "Ana Souza", "email": "ana@example.com"}
    cart = {"customer": who, "items": [{"productId": SKU, "quantity": 2}]}
    async with world.client_of(world.app(payment_url=PROVIDER)) as client:
        answer = await client.post("/api/checkout", json=cart | {"payment": {"method": "tok_ok"}})
        assert answer.status_code == 202, answer.text
        checkout_id = answer.json()["data"]["jobId"]
        first = job_id(checkout_id, Step.PAYMENT)
        await eventually(lambda: first in [bell.job_id for bell in world.transport.heard])
    found = await world.shop.checkouts.get(checkout_id)
    assert found is not None
    return found


async def end(world: World, checkout: Checkout, step: Step, refused: Ending | None = None) -> None:
    """The step ends well, or with a refusal, and what is due behind it is queued."""
    told: dict[str, Any] = {}
    if refused:
        told = {"refused": refused.value, "error": "the card was declined"}
    job = await world.claimed(job_id(checkout, step))
    await world.ledger.settle(job, Succeeded(told))
    await world.ledger.create(follow_ups(checkout, step, refused or Ending.DONE))


async def confirm(world: World, checkout: Checkout) -> PlacedOrder:
    """The checkout's order is the customer's."""
    order, fence = order_of(checkout), await world.runs.now() + timedelta(minutes=1)
    await world.shop.orders.create(order, fence)
    await world.shop.orders.confirm(checkout.id, fence)
    return order


async def complete(world: World, checkout: Checkout) -> PlacedOrder:
    """All steps up to the confirmed order end well; those behind it are queued."""
    order = await confirm(world, checkout)
    for step in (Step.PAYMENT, Step.STOCK, Step.ORDER, Step.CAPTURE):
        await end(world, checkout, step)
    return order


async def fail(world: World, checkout: Checkout) -> None:
    """The card is declined."""
    await end(world, checkout, Step.PAYMENT, Ending.CARD_DECLINED)
