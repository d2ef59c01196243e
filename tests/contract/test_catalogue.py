"""Every catalogue keeps the same promises, and so does every log of webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports import Catalogue, Stock
from pedidos_checkout.testing.in_memory_shop import InMemoryCatalogue, InMemoryStock
from tests.contract.carts import INK, PEN, checkout_lab
from tests.contract.lab import KINDS, Lab

LESS = Discount("LESS", percent=Decimal("10.00"), least=Decimal("20.00"))
OVER = Discount("OVER", amount=Decimal("5.00"), valid_until=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def shop(lab: Lab) -> tuple[Catalogue, Stock]:
    if lab.database is not None:
        return MongoCatalogue(lab.database), MongoStock(lab.database)
    assert lab.clock is not None
    stock = InMemoryStock(lab.clock)
    return InMemoryCatalogue(stock), stock


async def test_what_is_added_is_found_and_stocked(shop: tuple[Catalogue, Stock]) -> None:
    catalogue, stock = shop
    assert await catalogue.add([(PEN, 5), (INK, 0)], [LESS, OVER]) == 2
    assert await catalogue.products([PEN.sku, "none"]) == {PEN.sku: PEN}
    assert await catalogue.discount("LESS") == LESS
    assert await catalogue.discount("OVER") == OVER
    assert await catalogue.discount("less") is None
    levels = await stock.levels([PEN.sku, INK.sku])
    assert {sku: level.available for sku, level in levels.items()} == {PEN.sku: 5, INK.sku: 0}


async def test_what_is_there_stays_as_it_is(shop: tuple[Catalogue, Stock]) -> None:
    catalogue, stock = shop
    await catalogue.add([(PEN, 5)], [LESS])
    dearer = Product(PEN.sku, "Pen", Decimal("9.00"))
    assert await catalogue.add([(dearer, 9), (INK, 1)], [Discount("LESS")]) == 1
    assert await catalogue.products([PEN.sku]) == {PEN.sku: PEN}
    assert await catalogue.discount("LESS") == LESS
    assert (await stock.levels([PEN.sku]))[PEN.sku].available == 5
    assert await catalogue.add([], []) == 0


async def test_products_are_paged_by_sku(shop: tuple[Catalogue, Stock]) -> None:
    catalogue, _stock = shop
    await catalogue.add([(PEN, 5), (INK, 1)], [])
    first = await catalogue.page(1, None)
    assert (first.items, first.cursor) == ([INK], INK.sku)
    rest = await catalogue.page(1, first.cursor)
    assert (rest.items, rest.cursor) == ([PEN], None)
