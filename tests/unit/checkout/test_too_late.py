"""What comes too late: a step sent again once it was undone, an order whose stock is gone."""

from __future__ import annotations

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import Ending
from pedidos_checkout.domain.payments import ProviderPayment
from pedidos_checkout.domain.status import Money, status_of
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import ProviderRefused, ProviderUnavailable
from pedidos_checkout.steps.ordering import NOT_HELD
from pedidos_checkout.steps.stepping import TOO_LATE
from pedidos_common.domain.jobs import Job, JobStatus
from tests.unit.checkout.carts import a_checkout
from tests.unit.checkout.shop import HOLD_SECONDS, Shop, Trouble

NO_ANSWERS = [Trouble.NO_ANSWER] * 5  # as often as a queue tries a job


async def job_of(shop: Shop, checkout: Checkout, step: Step) -> Job:
    found = await shop.ledger.get(job_id(checkout, step))
    assert found is not None
    return found


async def a_shop_with(checkout: Checkout, at_providers: list[Trouble]) -> Shop:
    shop = Shop(at_providers)
    for line in checkout.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(checkout)
    return shop


async def test_a_step_that_is_sent_again_once_it_is_undone_fails_at_once() -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, NO_ANSWERS)
    await shop.run()
    told = len(shop.provider.told)
    await shop.ledger.resume_scope(checkout.id, list(shop.functions))
    await shop.deliver(job_id(checkout, Step.PAYMENT))
    again = await job_of(shop, checkout, Step.PAYMENT)
    assert (again.status, again.error) == (JobStatus.FAILED, TOO_LATE)
    assert len(shop.provider.told) == told  # nobody was asked
    assert await shop.ledger.get(job_id(checkout, Step.STOCK)) is None


async def test_an_order_whose_pinned_stock_is_gone_is_a_dead_letter() -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, [])
    for step in (Step.PAYMENT, Step.STOCK, Step.ORDER, Step.CAPTURE):
        await shop.deliver(job_id(checkout, step))
    await shop.stock.release(checkout.id, checkout.lines)  # nobody should
    await shop.run()
    sale = await job_of(shop, checkout, Step.INVENTORY)
    assert (sale.status, sale.error) == (JobStatus.FAILED, NOT_HELD)
    assert status_of(checkout, await shop.jobs()).state == "completed"


async def test_one_that_is_tried_again_before_it_is_given_up_goes_on() -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, NO_ANSWERS[:4])
    await shop.run()
    assert status_of(checkout, await shop.jobs()).state == "completed"


@pytest.mark.parametrize("code", ["not_found", "amount_impossible", "method_not_allowed"])
async def test_what_we_ask_for_wrongly_is_not_held_against_the_customer(code: str) -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, [])

    async def refuse(*_asked: object) -> ProviderPayment:
        raise ProviderRefused("payment", code, "no")

    shop.provider.authorise = refuse  # type: ignore[method-assign, assignment]
    await shop.run()
    assert status_of(checkout, await shop.jobs()).code == Ending.GIVEN_UP
    payment = await job_of(shop, checkout, Step.PAYMENT)
    assert (payment.status, payment.attempts) == (JobStatus.FAILED, 4)
    assert code in (payment.error or "")


async def test_a_call_that_is_made_again_after_its_key_ran_out_holds_no_money_twice() -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, [Trouble.NO_ANSWER_BEHIND])
    await shop.deliver(job_id(checkout, Step.PAYMENT))
    shop.clock.advance(86_400.0)
    shop.provider.keys.clear()
    await shop.run()
    assert len(shop.provider.payments) == 1
    assert status_of(checkout, await shop.jobs()).state == "completed"


async def test_a_customer_is_waited_for_though_now_and_then_a_look_gets_no_answer() -> None:
    checkout = a_checkout(method="tok_action")
    shop = Shop(payment_wait_seconds=3_600.0)
    for line in checkout.lines:
        shop.stock.put(line.sku, 10)
    await shop.place(checkout)
    looks, answers = 0, shop.provider.get

    async def get(provider_id: str) -> ProviderPayment | None:
        nonlocal looks
        looks += 1
        if looks % 3 == 0:
            raise ProviderUnavailable("payment", "lookup", "503")
        return await answers(provider_id)

    shop.provider.get = get  # type: ignore[method-assign]
    for _ in range(40):
        await shop.sweep()
        await shop.deliver(job_id(checkout, Step.PAYMENT))
        shop.clock.advance(20.0)
    assert looks > 30
    shop.provider.customer_confirms()
    await shop.run()
    assert status_of(checkout, await shop.jobs()).state == "completed"


async def test_an_order_whose_stock_was_held_for_too_long_does_not_come_about() -> None:
    checkout = a_checkout()
    shop = await a_shop_with(checkout, [])
    await shop.deliver(job_id(checkout, Step.PAYMENT))
    await shop.deliver(job_id(checkout, Step.STOCK))
    shop.clock.advance(2 * HOLD_SECONDS)
    await shop.run()
    seen = status_of(checkout, await shop.jobs())
    assert (seen.state, seen.code, seen.money) == ("failed", Ending.HOLD_EXPIRED, Money.RETURNED)
    assert await shop.orders.of_checkout(checkout.id) is None
