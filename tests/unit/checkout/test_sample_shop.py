"""The sample shop, and the catalogue's cache in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from pedidos_checkout.catalogue_cache import CachedCatalogue
from pedidos_checkout.domain.minor_units import is_payable
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.sample_shop import sample_shop, seed
from pedidos_checkout.testing.in_memory_shop import InMemoryCatalogue, InMemoryStock
from pedidos_common.domain.errors import Unavailable
from pedidos_common.testing.clock import START, ManualClock


async def test_the_sample_shop_has_what_it_says() -> None:
    shop = sample_shop()
    assert len({product.sku for product, _stock in shop.products}) == 120
    assert len({product.name for product, _stock in shop.products}) == 120
    assert len({product.category for product, _stock in shop.products}) == 8
    assert all(product.price >= Decimal("0.50") and stock > 0 for product, stock in shop.products)
    assert len(shop.discounts) == 3
    assert [one.code for one in shop.discounts if one.valid_until] == ["SUMMER2020"]
    assert sample_shop() == shop


async def test_where_there_are_no_cents_it_can_be_bought_too() -> None:
    yen = sample_shop("JPY")
    assert all(is_payable(product.price, "JPY") for product, _stock in yen.products)
    assert all(is_payable(one.least, "JPY") for one in yen.discounts)
    assert all(is_payable(one.amount or Decimal(0), "JPY") for one in yen.discounts)


async def test_seeding_twice_adds_nothing() -> None:
    stock = InMemoryStock(ManualClock())
    catalogue = InMemoryCatalogue(stock)
    assert [await seed(catalogue), await seed(catalogue)] == [120, 0]
    level = (await stock.levels(["ELE-015"]))["ELE-015"]
    assert (level.available, level.adds_up) == (30, True)


class Counted(InMemoryCatalogue):
    """A catalogue that counts what is read of it, and can be away."""

    def __init__(self) -> None:
        super().__init__(InMemoryStock(ManualClock()))
        self.reads: list[list[str]] = []
        self.is_away = False

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """Read after a moment."""
        self.reads.append(list(skus))
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("away")
        return await super().products(skus)

    async def discount(self, code: str) -> Discount | None:
        """Read."""
        self.reads.append([code])
        return await super().discount(code)


class Time:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def read(cache: CachedCatalogue) -> None:
    """Until the read that is under way has ended, one way or the other."""
    assert cache._refreshing is not None
    await asyncio.wait([cache._refreshing])


@pytest.fixture
async def behind() -> Counted:
    found = Counted()
    await seed(found)
    return found


async def test_what_is_known_is_not_read(behind: Counted) -> None:
    cache = CachedCatalogue(behind, monotonic=Time())
    for _ in range(3):
        assert set(await cache.products(["STA-001", "none"])) == {"STA-001"}
        assert await cache.discount("TAKE5") is not None
        assert await cache.discount("none") is None
    assert behind.reads == [["STA-001", "none"], ["TAKE5"], ["none"]]
    await cache.products(["STA-001", "STA-002"])
    assert behind.reads[3:] == [["STA-002"]]


async def test_after_its_time_one_read_brings_what_was_asked_for(behind: Counted) -> None:
    time = Time()
    cache = CachedCatalogue(behind, monotonic=time)
    await cache.products(["STA-001"])
    await cache.products(["STA-002"])
    behind._products["STA-001"] = replace(behind._products["STA-001"], price=Decimal("9.99"))
    assert (await cache.products(["STA-001"]))["STA-001"].price == Decimal("3.90")
    time.now = 2.0
    found = await asyncio.gather(*(cache.products(["STA-001"]) for _ in range(5)))
    assert {one["STA-001"].price for one in found} == {Decimal("9.99")}
    assert behind.reads[2:] == [["STA-001", "STA-002"]]
    time.now = 60.0
    await cache.products(["STA-001"])
    assert behind.reads[3:] == [["STA-001"]]  # nobody asked for the other one in a minute


async def test_who_asks_in_time_does_not_wait_for_the_read(behind: Counted) -> None:
    time = Time()
    cache = CachedCatalogue(behind, monotonic=time)
    await cache.products(["STA-001"])
    behind._products["STA-001"] = replace(behind._products["STA-001"], price=Decimal("9.99"))
    time.now = 1.0
    found = [(await cache.products(["STA-001"]))["STA-001"].price for _ in range(3)]
    assert found == [Decimal("3.90")] * 3
    await read(cache)
    assert len(behind.reads) == 2
    assert (await cache.products(["STA-001"]))["STA-001"].price == Decimal("9.99")


async def test_a_read_behind_it_that_fails_is_noticed_by_nobody_in_time(behind: Counted) -> None:
    time = Time()
    cache = CachedCatalogue(behind, monotonic=time)
    await cache.products(["STA-001"])
    time.now, behind.is_away = 1.9, True
    assert set(await cache.products(["STA-001"])) == {"STA-001"}
    await read(cache)
    assert len(behind.reads) == 2
    time.now = 2.0
    with pytest.raises(Unavailable):
        await cache.products(["STA-001"])


async def test_a_read_that_fails_is_everybodys_and_is_made_again(behind: Counted) -> None:
    time = Time()
    cache = CachedCatalogue(behind, monotonic=time)
    await cache.products(["STA-001"])
    time.now, behind.is_away = 2.0, True
    asked = [cache.products(["STA-001"]) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in answers] == [Unavailable] * 3
    assert len(behind.reads) == 2
    behind.is_away = False
    assert set(await cache.products(["STA-001"])) == {"STA-001"}


async def test_it_never_knows_more_than_it_may(behind: Counted) -> None:
    cache = CachedCatalogue(behind, most=3, monotonic=Time())
    for n in range(1, 16):
        await cache.products([f"STA-{n:03d}"])
        await cache.discount(f"C{n}")
        assert len(cache._products) <= 3
        assert len(cache._discounts) <= 3
    many = [f"KIT-{n:03d}" for n in range(1, 16)]
    assert len(await cache.products(many)) == 15
    assert len(cache._products) <= 3


async def test_what_is_added_is_seen_at_once(behind: Counted) -> None:
    cache = CachedCatalogue(behind, monotonic=Time())
    new = Product("NEW", "New", Decimal("1.00"))
    assert await cache.products(["NEW"]) == {}
    assert await cache.add([(new, 1)], [Discount("NEW", valid_until=START)]) == 1
    assert await cache.products(["NEW"]) == {"NEW": new}
    assert (await cache.page(1, None)).cursor is not None
