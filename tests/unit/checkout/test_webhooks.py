"""Webhooks of the payment provider: late, twice, never, in any order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pedidos_checkout.domain.payments import PaymentEvent, PaymentStatus, ProviderPayment
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.steps.webhooks import Taken, take_in
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import JobStatus
from tests.unit.checkout.carts import a_checkout
from tests.unit.checkout.shop import WAIT_SECONDS, Shop

S = PaymentStatus


def told(status: PaymentStatus, event_id: str = "msg_1") -> PaymentEvent:
    checkout = a_checkout()
    payment = ProviderPayment("ch_0", checkout.payment_id, checkout.total, "EUR", status)
    return PaymentEvent(event_id, payment)


async def taken(shop: Shop, event: PaymentEvent) -> Taken:
    return await take_in(event, shop.book, shop.ledger)


async def a_shop(method: str = "tok_action") -> Shop:
    """One whose only checkout has asked for its payment once."""
    shop, checkout = Shop(), a_checkout(method=method)
    for line in checkout.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(checkout)
    await shop.deliver(job_id(checkout, Step.PAYMENT))
    return shop


async def status(shop: Shop) -> PaymentStatus:
    known = await shop.book.get(a_checkout().payment_id)
    assert known is not None
    return known.status


async def test_what_waits_for_the_customer_goes_on_at_once() -> None:
    shop = await a_shop()
    payment = await shop.ledger.get(job_id(a_checkout(), Step.PAYMENT))
    assert payment is not None
    assert payment.status is JobStatus.RETRYING
    assert await taken(shop, told(S.AUTHORISED)) is Taken.NOTED
    assert [bell.job_id for bell in await shop.ledger.release_due(10)] == [payment.id]
    await shop.deliver(payment.id)
    assert await shop.ledger.get(job_id(a_checkout(), Step.STOCK)) is not None


async def test_a_repeat_does_nothing() -> None:
    shop = await a_shop()
    await taken(shop, told(S.AUTHORISED))
    await shop.ledger.release_due(10)
    assert await taken(shop, told(S.AUTHORISED)) is Taken.OLD
    assert await taken(shop, told(S.AUTHORISED, "msg_2")) is Taken.OLD


async def test_what_comes_late_does_not_turn_back_time() -> None:
    shop = await a_shop()
    assert await taken(shop, told(S.CAPTURED, "msg_2")) is Taken.NOTED
    assert await taken(shop, told(S.AUTHORISED, "msg_1")) is Taken.OLD
    assert await status(shop) is S.CAPTURED


async def test_without_any_webhook_it_goes_on_a_little_later() -> None:
    shop = await a_shop()
    await shop.run()
    assert await status(shop) is S.CAPTURED


@pytest.mark.parametrize("change", [{"reference": "pay_of_nobody"}, {"amount": Decimal("0.01")}])
async def test_what_is_not_ours_is_not_believed(change: dict[str, object]) -> None:
    shop, event = await a_shop(), told(S.AUTHORISED)
    event = replace(event, payment=replace(event.payment, **change))  # type: ignore[arg-type]
    assert await taken(shop, event) is Taken.OLD
    assert await status(shop) is S.REQUIRES_ACTION


async def test_one_that_could_not_be_worked_in_is_taken_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = await a_shop()

    async def away(_job_id: str) -> bool:
        raise Unavailable("MongoDB is away")

    with monkeypatch.context() as patched:
        patched.setattr(shop.ledger, "hasten", away)
        with pytest.raises(Unavailable):
            await taken(shop, told(S.AUTHORISED))
    assert await taken(shop, told(S.AUTHORISED)) is Taken.NOTED


async def test_what_waited_long_in_its_queue_leaves_its_customer_no_less_time() -> None:
    shop, checkout = Shop(), a_checkout(method="tok_action")
    for line in checkout.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(checkout)
    shop.clock.advance(10 * WAIT_SECONDS)
    await shop.run()
    assert await status(shop) is S.CAPTURED
