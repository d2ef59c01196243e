"""Erasing a customer: what stands in its way, and what does not for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pedidos_checkout.domain.checkouts import Customer
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_common.domain.orders import ERASED, Tier
from pedidos_common.domain.runs import Phase, Run
from tests.contract.carts import FOREVER, a_checkout
from tests.unit.api.world import Client, World

CSV = b"cliente,valor\nAna,10.00\nBia,20.50\n"
ANA = {"cliente": "Ana"}
NOBODY = Customer("", ERASED, ERASED, None, Tier.DIAMANTE)


async def _imported(world: World, client: Client) -> Run:
    headers = {"content-type": "text/csv"}
    answer = await client.post("/pedidos/import", content=CSV, headers=headers)
    return await world.run(answer.json()["runId"])


async def test_a_customer_of_the_shop_is_erased_too(world: World, client: Client) -> None:
    await world.shop.checkouts.accept(a_checkout(1))
    await world.shop.orders.create(order_of(a_checkout(1)), FOREVER)
    answer = await client.post("/pedidos/customers/erase", json=ANA)
    assert answer.json() == {"orders": 0, "checkouts": 1, "placedOrders": 1}
    found = await world.shop.checkouts.get(a_checkout(1).id)
    order = await world.shop.orders.of_checkout(a_checkout(1).id)
    assert found is not None
    assert order is not None
    assert found.customer == order.customer == replace(NOBODY, id="c-1")


@pytest.mark.parametrize(
    ("phase", "fields"),
    [
        (Phase.GENERATING, {}),
        (Phase.ERROR, {"error": "no progress"}),
        (Phase.ABORTED, {"cancelled": {"deletedPending": 0}}),
    ],
)
async def test_an_import_whose_run_goes_on_stands_in_the_way(
    world: World, client: Client, phase: Phase, fields: dict[str, Any]
) -> None:
    run = await _imported(world, client)
    if phase is not run.phase:
        await world.ended(run, phase, **fields)
    answer = await client.post("/pedidos/customers/erase", json=ANA)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/import-not-over")
    assert run.scope in answer.json()["detail"]


@pytest.mark.parametrize(
    ("phase", "fields"),
    [
        (Phase.DONE, {}),
        (Phase.ABORTED, {"cancelled": {"deletedPending": 2}}),
        (Phase.ERROR, {"ordersExpired": "a time"}),
    ],
)
async def test_an_import_whose_run_never_goes_on_does_not(
    world: World, client: Client, phase: Phase, fields: dict[str, Any]
) -> None:
    run = await world.ended(await _imported(world, client), phase, **fields)
    assert (await client.post("/pedidos/customers/erase", json=ANA)).status_code == 200
    assert await world.imports.holding("Ana") == []
    assert run.plan.import_id is not None
    assert await world.imports.report(run.plan.import_id) is not None


async def test_an_upload_that_no_run_uses_yet_stands_in_the_way(
    world: World, client: Client
) -> None:
    run = await _imported(world, client)
    await world.ended(run)
    await world.runs.forget(history=True)
    answer = await client.post("/pedidos/customers/erase", json=ANA)
    assert answer.status_code == 409
    assert "upload" in answer.json()["detail"]
