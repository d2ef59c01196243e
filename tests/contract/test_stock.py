"""Every stock keeps the same promises, whatever is asked twice, late, or not to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.domain.checkouts import Line
from pedidos_checkout.domain.shop import Product
from pedidos_checkout.ports import Stock, StockLevel
from pedidos_checkout.testing.in_memory_shop import InMemoryCatalogue, InMemoryStock
from pedidos_common.domain.errors import LeaseLost
from tests.contract.carts import (
    FOREVER,
    INK,
    LONG_AGO,
    PEN,
    a_checkout,
    a_line,
    an_id,
    checkout_lab,
)
from tests.contract.lab import KINDS, Lab

ONE, OTHER = an_id(1), an_id(2)
PENS, INKS = 5, 3
CART = [a_line(PEN, 2), a_line(INK)]
UNKNOWN = Product("X", "X", PEN.price)


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
async def stock(lab: Lab) -> Stock:
    found: Stock
    if lab.database is not None:
        found = MongoStock(lab.database)
        await MongoCatalogue(lab.database).add([(PEN, PENS), (INK, INKS)], [])
    else:
        assert lab.clock is not None
        found = InMemoryStock(lab.clock)
        await InMemoryCatalogue(found).add([(PEN, PENS), (INK, INKS)], [])
    return found


async def _stands(stock: Stock, product: Product = PEN) -> tuple[int, int, int]:
    level = (await stock.levels([product.sku]))[product.sku]
    assert level.adds_up
    return level.available, level.held, level.sold


async def _reserve(
    stock: Stock, checkout_id: str = ONE, lines: list[Line] | None = None, seconds: float = 900.0
) -> list[str]:
    return list(await stock.reserve(checkout_id, lines or CART, seconds, FOREVER))


async def test_what_is_reserved_is_held_and_then_sold(stock: Stock) -> None:
    assert await _reserve(stock) == []
    assert (await _stands(stock), await _stands(stock, INK)) == ((3, 2, 0), (2, 1, 0))
    assert await stock.pin(ONE, CART, FOREVER)
    await stock.commit(ONE, CART, FOREVER)
    assert (await _stands(stock), await _stands(stock, INK)) == ((3, 0, 2), (2, 0, 1))


async def test_what_is_asked_twice_is_done_once(stock: Stock) -> None:
    assert [await _reserve(stock) for _ in range(2)] == [[], []]
    assert await _stands(stock) == (3, 2, 0)
    assert [await stock.pin(ONE, CART, FOREVER) for _ in range(2)] == [True, True]
    for _ in range(2):
        await stock.commit(ONE, CART, FOREVER)
    assert await _stands(stock) == (3, 0, 2)
    await stock.release(ONE, CART)
    assert await _stands(stock) == (3, 0, 2)


async def test_lines_of_the_same_product_count_together(stock: Stock) -> None:
    lines = [a_line(PEN, 3), a_line(PEN, 3)]
    assert await _reserve(stock, lines=lines) == [PEN.sku]
    assert await _reserve(stock, lines=[*lines[:1], a_line(PEN, 1)]) == []
    assert await _stands(stock) == (1, 4, 0)


async def test_it_is_all_or_nothing(stock: Stock) -> None:
    lines = [a_line(PEN, 2), a_line(INK, INKS + 1), a_line(UNKNOWN)]
    assert await _reserve(stock, lines=lines) == [INK.sku, UNKNOWN.sku]
    assert (await _stands(stock), await _stands(stock, INK)) == ((5, 0, 0), (3, 0, 0))
    assert await stock.holds(None, 10) == []


async def test_a_reservation_that_comes_late_takes_nothing_from_an_order(
    lab: Lab, stock: Stock
) -> None:
    """Of a worker that was stopped, and whose call went on while the next one made the order."""
    await _reserve(stock, lines=[a_line(PEN, 2)], seconds=0.01)
    assert await stock.pin(ONE, [a_line(PEN, 2)], FOREVER)
    assert await _reserve(stock, lines=[a_line(PEN, 2), a_line(INK, INKS + 1)]) == [INK.sku]
    assert await _stands(stock) == (3, 2, 0)
    await _reserve(stock, OTHER, seconds=0.02)
    await lab.until(lambda: stock.release_expired(10))
    assert await stock.commit(ONE, [a_line(PEN, 2)], FOREVER)
    assert (await _stands(stock))[2] == 2


async def test_a_sale_tells_whether_all_of_it_was_held(stock: Stock) -> None:
    await _reserve(stock)
    assert await stock.commit(ONE, CART, FOREVER)
    assert not await stock.commit(ONE, CART, FOREVER)
    await _reserve(stock, OTHER, [a_line(PEN, 2)])
    assert not await stock.commit(OTHER, CART, FOREVER)
    assert (await _stands(stock), await _stands(stock, INK)) == ((1, 0, 4), (2, 0, 1))


async def test_nothing_asked_is_nothing_held(stock: Stock) -> None:
    assert list(await stock.reserve(ONE, [], 900.0, FOREVER)) == []
    assert await stock.pin(ONE, [], FOREVER)
    assert await stock.commit(ONE, [], FOREVER)
    await stock.release(ONE, [])


async def test_many_buyers_of_few_get_what_there_is(stock: Stock) -> None:
    buyers = [an_id(n) for n in range(50)]
    short = await asyncio.gather(*(_reserve(stock, one, [a_line(PEN)]) for one in buyers))
    assert sorted(short) == [[]] * PENS + [[PEN.sku]] * (50 - PENS)
    assert await _stands(stock) == (0, PENS, 0)


async def test_what_is_released_can_be_bought_again(stock: Stock) -> None:
    await _reserve(stock)
    await _reserve(stock, OTHER)
    await stock.pin(ONE, CART, FOREVER)
    for _ in range(2):
        await stock.release(ONE, CART)
    assert await _stands(stock) == (3, 2, 0)
    assert [one[0] for one in await stock.holds(None, 10)] == [OTHER, OTHER]


async def test_a_reservation_that_was_cut_short_is_completed(stock: Stock) -> None:
    await _reserve(stock, lines=[a_line(INK)])  # as far as it came
    assert await _reserve(stock) == []
    assert (await _stands(stock), await _stands(stock, INK)) == ((3, 2, 0), (2, 1, 0))


async def test_a_reservation_that_was_cut_short_and_cant_be_completed_is_let_go(
    stock: Stock,
) -> None:
    await _reserve(stock, lines=[a_line(INK)])
    await _reserve(stock, OTHER, [a_line(PEN, PENS)])
    assert await _reserve(stock) == [PEN.sku]
    assert await _stands(stock, INK) == (INKS, 0, 0)


async def test_a_reservation_that_nobody_comes_back_to_ends_by_itself(
    lab: Lab, stock: Stock
) -> None:
    await _reserve(stock, seconds=0.05)
    await _reserve(stock, OTHER)
    ended = 0

    async def both() -> bool:
        nonlocal ended
        ended += await stock.release_expired(10)
        return ended == 2

    await lab.until(both)
    assert (await _stands(stock), await _stands(stock, INK)) == ((3, 2, 0), (2, 1, 0))
    assert not await stock.pin(ONE, CART, FOREVER)
    assert await _reserve(stock) == []  # and it may begin anew


async def test_expired_holds_are_released_a_few_at_a_time(lab: Lab, stock: Stock) -> None:
    await _reserve(stock, seconds=0.01)
    released = []

    async def all_of_them() -> bool:
        released.append(await stock.release_expired(1))
        return sum(released) == 2

    await lab.until(all_of_them)
    assert max(released) == 1


async def test_a_pinned_hold_does_not_end(lab: Lab, stock: Stock) -> None:
    await _reserve(stock, seconds=0.01)
    await stock.pin(ONE, CART, FOREVER)
    await _reserve(stock, OTHER, seconds=0.02)
    ended = 0

    async def the_other() -> bool:
        nonlocal ended
        ended += await stock.release_expired(10)
        return ended == 2

    await lab.until(the_other)
    assert await _stands(stock) == (3, 2, 0)


async def test_a_pin_of_what_is_half_gone_is_refused(stock: Stock) -> None:
    await _reserve(stock, lines=[a_line(PEN, 2)])
    assert not await stock.pin(ONE, CART, FOREVER)
    await stock.release(ONE, CART)
    assert await _stands(stock) == (5, 0, 0)


async def test_past_the_fence_nothing_changes(stock: Stock) -> None:
    with pytest.raises(LeaseLost):
        await stock.reserve(ONE, CART, 900.0, LONG_AGO)
    assert await _stands(stock) == (5, 0, 0)
    await _reserve(stock)
    with pytest.raises(LeaseLost):
        await stock.pin(ONE, CART, LONG_AGO)
    with pytest.raises(LeaseLost):
        await stock.commit(ONE, CART, LONG_AGO)
    assert await _stands(stock) == (3, 2, 0)


async def test_a_zombie_neither_holds_nor_sells_what_was_released(stock: Stock) -> None:
    await _reserve(stock)
    await stock.release(ONE, CART)
    with pytest.raises(LeaseLost):
        await stock.reserve(ONE, CART, 900.0, LONG_AGO)
    await stock.commit(ONE, CART, LONG_AGO)
    assert await _stands(stock) == (5, 0, 0)


async def test_what_a_repeat_holds_once_more_after_its_sale_ends_by_itself(
    lab: Lab, stock: Stock
) -> None:
    await _reserve(stock)
    await stock.commit(ONE, CART, FOREVER)
    await _reserve(stock, seconds=0.01)
    await lab.until(lambda: stock.release_expired(10))
    assert (await _stands(stock))[2] == 2


async def test_holds_are_paged_by_product(stock: Stock) -> None:
    await _reserve(stock)
    await _reserve(stock, OTHER, [a_line(PEN)])
    assert await stock.holds(None, 1) == [(ONE, INK.sku, 1)]
    assert sorted(await stock.holds(INK.sku, 1)) == [(ONE, PEN.sku, 2), (OTHER, PEN.sku, 1)]
    assert await stock.holds(PEN.sku, 1) == []


async def test_levels_are_paged_by_product(stock: Stock) -> None:
    await _reserve(stock)
    first = await stock.page(1, None)
    assert (first.items, first.cursor) == ([StockLevel(INK.sku, 2, 1, 0, INKS)], INK.sku)
    rest = await stock.page(1, first.cursor)
    assert (rest.items, rest.cursor) == ([StockLevel(PEN.sku, 3, 2, 0, PENS)], None)
    assert await stock.levels([UNKNOWN.sku]) == {}


async def test_who_holds_anything_is_told(stock: Stock) -> None:
    carts = [a_checkout(number) for number in (1, 2)]
    assert await stock.holding(carts) == set()
    await _reserve(stock, lines=[a_line(INK)])
    assert await stock.holding(carts) == {ONE}
    assert await stock.holding([replace(carts[0], lines=())]) == set()
    await stock.commit(ONE, CART, FOREVER)
    assert await stock.holding(carts) == set()


async def test_what_was_sold_in_removed_checkouts_counts_once(stock: Stock) -> None:
    await _reserve(stock)
    await stock.commit(ONE, CART, FOREVER)
    for number, sold in ((1, {PEN.sku: 1, UNKNOWN.sku: 1}), (1, {PEN.sku: 1}), (3, {PEN.sku: 1})):
        await stock.note_removed(number, sold)
    await stock.note_removed(2, {PEN.sku: 5, INK.sku: 1})
    await stock.note_removed(4, {})
    levels = await stock.levels([PEN.sku, INK.sku])
    assert {sku: level.sold_removed for sku, level in levels.items()} == {PEN.sku: 2, INK.sku: 1}
    assert await _stands(stock) == (3, 0, 2)
