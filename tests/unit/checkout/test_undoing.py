"""Money on its way back, where the provider won't have it."""

from __future__ import annotations

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.payments import PaymentStatus, ProviderPayment
from pedidos_checkout.domain.status import Money, status_of
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import ProviderBusy, ProviderRefused
from pedidos_checkout.steps.stepping import MOST_BUSY
from pedidos_common.domain.jobs import Job, JobStatus
from tests.unit.checkout.carts import a_checkout
from tests.unit.checkout.shop import Shop

WITHIN_SECONDS = 3_600


class Refusing:
    """Plays a void or a refund that ends in an error."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0

    async def __call__(self, key: str, provider_id: str) -> ProviderPayment:
        self.calls += 1
        assert (key, provider_id) > ("", "")
        raise self.error


async def a_shop_that_voids(checkout: Checkout) -> Shop:
    """The order was cancelled behind the checkout's back."""
    shop = Shop()
    for line in checkout.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(checkout)
    await shop.orders.cancel(checkout.id)
    return shop


async def worked_for(shop: Shop, seconds: float) -> None:
    until = shop.clock().timestamp() + seconds
    while shop.clock().timestamp() < until:
        await shop.sweep()
        for job in await shop.jobs():
            if job.status is JobStatus.QUEUED:
                await shop.deliver(job.id)
        shop.clock.advance(10.0)


async def undo_of(shop: Shop, checkout: Checkout) -> Job:
    found = await shop.ledger.get(job_id(checkout, Step.UNDO_PAYMENT))
    assert found is not None
    return found


async def test_a_void_that_is_refused_says_why_and_is_tried_ever_more_seldom() -> None:
    checkout = a_checkout()
    shop = await a_shop_that_voids(checkout)
    void, refusing = shop.provider.void, Refusing(ProviderRefused("payment", "dispute_open", "no"))
    shop.provider.void = refusing  # type: ignore[method-assign]
    await worked_for(shop, WITHIN_SECONDS)
    undo = await undo_of(shop, checkout)
    assert undo.status is JobStatus.RETRYING
    assert "dispute_open" in (undo.error or "")
    assert undo.attempts == undo.deliveries == refusing.calls
    assert refusing.calls < 30
    shop.provider.void = void  # type: ignore[method-assign]
    await worked_for(shop, 600)
    assert status_of(checkout, await shop.jobs()).money is Money.RETURNED
    (payment,) = shop.provider.payments.values()
    assert payment.status is PaymentStatus.VOIDED


async def test_a_call_that_is_under_way_for_ever_is_an_attempt_at_last() -> None:
    checkout = a_checkout()
    shop = await a_shop_that_voids(checkout)
    busy = Refusing(ProviderBusy("payment", 1.0, "void"))
    shop.provider.void = busy  # type: ignore[method-assign]
    await worked_for(shop, WITHIN_SECONDS)
    undo = await undo_of(shop, checkout)
    assert "still under way" in (undo.error or "")
    assert undo.attempts == busy.calls - MOST_BUSY > 5
    assert busy.calls < MOST_BUSY + 30
