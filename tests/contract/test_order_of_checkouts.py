"""In which order checkouts are worked at, on every transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.queues import ORDER_PROCESSING, PAYMENT_PROCESSING
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from tests.contract.test_transport import Receiver
from tests.unit.checkout.carts import CUSTOMER, a_checkout
from tests.unit.checkout.shop import Shop, Trouble

VIP = replace(CUSTOMER, tier=Tier.DIAMANTE)


@pytest.fixture(params=["in_memory", "arq"])
async def shop(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    """A shop whose rings are at its own clock's time."""
    shop = Shop()
    if request.param == "in_memory":
        shop.transport = InMemoryTransport(now=lambda: shop.clock().timestamp())
        yield shop
        return
    rung = SimpleNamespace(time_ns=lambda: int(shop.clock().timestamp() * 1e9))
    monkeypatch.setattr("pedidos_common.adapters.redis.transport.time", rung)
    client = connect(request.getfixturevalue("redis_url"))
    shop.transport = ArqTransport(client, request.getfixturevalue("redis_prefix"))
    yield shop
    await client.aclose()


async def taken_of(shop: Shop, count: int, queue: str = PAYMENT_PROCESSING) -> list[str]:
    """The next jobs of the queue, in the order in which a worker gets them."""
    receiver = Receiver(slots=1)
    async with receiver.on(shop.transport, queue):
        for taken in range(1, count):
            await receiver.has_taken(taken)
            receiver.finish()
        await receiver.has_taken(count)
    return receiver.delivered


async def worked_until_capture(shop: Shop, checkout: Checkout) -> None:
    """Every step up to the capture, which is rung for but not taken."""
    assert await taken_of(shop, 1) == [f"{checkout.id}:payment"]
    for step in ("payment", "stock", "order"):
        await shop.deliver(f"{checkout.id}:{step}")
        await shop.transport.ring(shop.bells)
        shop.bells.clear()


async def placed(shop: Shop, checkout: Checkout) -> Checkout:
    await shop.place(checkout)
    return checkout


async def rung_when_due(shop: Shop, seconds: float) -> None:
    """What is due by then is rung again, as the leader does it."""
    shop.clock.advance(seconds)
    await shop.transport.ring(await shop.ledger.release_due(100))


@pytest.fixture
async def stocked(shop: Shop) -> Shop:
    shop.stock.put("tea", 100)
    shop.stock.put("cup", 100)
    return shop


async def test_a_vip_goes_before_others_that_came_within_a_minute(shop: Shop) -> None:
    normal = await placed(shop, a_checkout("n"))
    shop.clock.advance(59)
    vip = await placed(shop, a_checkout("v", customer=VIP))
    assert await taken_of(shop, 2) == [f"{vip.id}:payment", f"{normal.id}:payment"]


async def test_nobody_is_overtaken_by_a_vip_that_came_more_than_a_minute_later(shop: Shop) -> None:
    normal = await placed(shop, a_checkout("n"))
    shop.clock.advance(61)
    vip = await placed(shop, a_checkout("v", customer=VIP))
    assert await taken_of(shop, 2) == [f"{normal.id}:payment", f"{vip.id}:payment"]


async def test_an_older_checkouts_later_step_goes_before_a_younger_ones_first(
    stocked: Shop,
) -> None:
    older = await placed(stocked, a_checkout("o"))
    stocked.clock.advance(20)
    younger = await placed(stocked, a_checkout("y"))
    stocked.clock.advance(1)
    await worked_until_capture(stocked, older)
    assert await taken_of(stocked, 2) == [f"{older.id}:capture", f"{younger.id}:payment"]


async def test_a_vips_first_step_goes_before_others_later_ones(stocked: Shop) -> None:
    normal = await placed(stocked, a_checkout("n"))
    await worked_until_capture(stocked, normal)
    stocked.clock.advance(20)
    vip = await placed(stocked, a_checkout("v", customer=VIP))
    assert await taken_of(stocked, 2) == [f"{vip.id}:payment", f"{normal.id}:capture"]


async def test_later_steps_of_a_vip_keep_its_head_start(stocked: Shop) -> None:
    normal = await placed(stocked, a_checkout("n"))
    stocked.clock.advance(30)
    vip = await placed(stocked, a_checkout("v", customer=VIP))
    await worked_until_capture(stocked, vip)
    assert await taken_of(stocked, 2) == [f"{vip.id}:capture", f"{normal.id}:payment"]
    assert await taken_of(stocked, 1, ORDER_PROCESSING) == [f"{vip.id}:order"]


async def test_a_look_at_a_waiting_payment_goes_behind_who_came_meanwhile(shop: Shop) -> None:
    """Else a few customers that never confirm hold up all that are to come."""
    waits = await placed(shop, a_checkout("w", method="tok_action"))
    await taken_of(shop, 1)
    await shop.deliver(f"{waits.id}:payment")
    shop.clock.advance(1)
    meanwhile = await placed(shop, a_checkout("m"))
    await rung_when_due(shop, 2)
    after = await placed(shop, a_checkout("a"))
    order = [f"{one.id}:payment" for one in (meanwhile, waits, after)]
    assert await taken_of(shop, 3) == order


async def test_what_failed_goes_behind_who_came_before_it_is_tried_again(shop: Shop) -> None:
    shop.fate.at_providers = iter([Trouble.NO_ANSWER])
    failed = await placed(shop, a_checkout("f"))
    await taken_of(shop, 1)
    await shop.deliver(f"{failed.id}:payment")
    younger = await placed(shop, a_checkout("y"))
    await rung_when_due(shop, 3)
    assert await taken_of(shop, 2) == [f"{younger.id}:payment", f"{failed.id}:payment"]


async def test_what_a_paused_provider_put_off_keeps_its_place(shop: Shop) -> None:
    shop.fate.at_providers = iter([Trouble.PAUSED])
    older = await placed(shop, a_checkout("o"))
    await taken_of(shop, 1)
    await shop.deliver(f"{older.id}:payment")
    shop.clock.advance(20)
    younger = await placed(shop, a_checkout("y"))
    vip = await placed(shop, a_checkout("v", customer=VIP))
    await rung_when_due(shop, 61)
    order = [f"{one.id}:payment" for one in (vip, older, younger)]
    assert await taken_of(shop, 3) == order


async def test_a_lost_ring_is_rung_again_where_its_checkout_stands(shop: Shop) -> None:
    older = await placed(shop, a_checkout("z"))
    shop.clock.advance(20)
    younger = await placed(shop, a_checkout("b"))
    vip = await placed(shop, a_checkout("v", customer=VIP))
    await shop.transport.purge(PAYMENT_PROCESSING)
    shop.clock.advance(5)
    lost = await shop.ledger.silent(1.0, 100)
    await shop.transport.ring([replace(bell, ring=bell.ring + 1) for bell in lost])
    order = [f"{one.id}:payment" for one in (vip, older, younger)]
    assert await taken_of(shop, 3) == order
