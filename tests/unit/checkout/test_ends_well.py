"""Whatever happens on the way: each checkout ends with its order and its money agreed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_checkout.domain.checkouts import Checkout, Kind
from pedidos_checkout.domain.payments import PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedStatus
from pedidos_checkout.domain.status import CheckoutState, Money, status_of
from pedidos_common.domain.jobs import JobStatus
from tests.unit.checkout.carts import CUSTOMER, a_checkout, a_free_checkout, a_payment
from tests.unit.checkout.shop import Shop, Trouble

WITH_PHONE = replace(CUSTOMER, phone="+5511999990000")
METHODS = ["tok_ok", "tok_declined", "tok_action", "tok_leaves", "tok_capture_declined", "tok_new"]
A_TROUBLE = st.sampled_from([int(trouble) for trouble in Trouble])
SOME_TIMES = st.sampled_from([1, 1, 1, 2, 5, 7])
# trouble comes in runs: a provider that is away fails one job as often as it is tried
RUNS = st.lists(st.tuples(A_TROUBLE, SOME_TIMES) | st.just((0, 1)), max_size=25)
TROUBLES = RUNS.map(lambda runs: [trouble for trouble, times in runs for _ in range(times)])


def carts() -> st.SearchStrategy[Checkout]:
    """One checkout of any kind."""
    return st.one_of(
        st.sampled_from(METHODS).map(lambda m: a_checkout(method=m, customer=WITH_PHONE)),
        st.sampled_from(METHODS).map(lambda m: a_payment(method=m)),
        st.just(a_free_checkout()),
    )


async def check_ended_well(shop: Shop, checkout: Checkout) -> None:
    """The invariants of a checkout that came to its end."""
    order = await shop.orders.of_checkout(checkout.id)
    is_confirmed = order is not None and order.status is PlacedStatus.CONFIRMED
    assert is_confirmed or order is None or order.status is PlacedStatus.CANCELLED
    await check_money(shop, checkout, is_confirmed=is_confirmed)
    await check_stock(shop, checkout, is_confirmed=is_confirmed)
    accepted = await shop.checkouts.get(checkout.id)
    assert accepted is not None
    seen = status_of(accepted, [j async for j in shop.ledger.of_scope(checkout.id)], order)
    assert seen.is_final
    if checkout.kind is Kind.CHECKOUT:
        assert (seen.state is CheckoutState.COMPLETED) == is_confirmed
        check_messages(shop, checkout, is_confirmed=is_confirmed)


async def check_money(shop: Shop, checkout: Checkout, *, is_confirmed: bool) -> None:
    """One captured charge where the order came about, none where it did not."""
    charges = list(shop.provider.payments.values())
    assert len(charges) <= 1
    captured = [c for c in charges if c.status is PaymentStatus.CAPTURED]
    held = {PaymentStatus.AUTHORISED, PaymentStatus.REQUIRES_ACTION}
    assert not [c for c in charges if c.status in held]
    assert shop.provider.captures <= 1
    if checkout.kind is Kind.CHECKOUT:
        assert len(captured) == (is_confirmed and checkout.is_paid)
    known = await shop.book.get(checkout.payment_id)
    if charges:
        assert known is not None
        assert known.status is charges[0].status


async def check_stock(shop: Shop, checkout: Checkout, *, is_confirmed: bool) -> None:
    """Nothing is held any more, and sold is what a confirmed order has."""
    levels = await shop.stock.levels([line.sku for line in checkout.lines])
    for line in checkout.lines:
        level = levels[line.sku]
        assert level.adds_up
        assert (level.held, level.sold) == (0, line.quantity if is_confirmed else 0)


def check_messages(shop: Shop, checkout: Checkout, *, is_confirmed: bool) -> None:
    """Who has an order is told of it, who has none is told how to go on; by one id each."""
    assert bool(shop.post.of("confirmation")) == is_confirmed
    assert bool(shop.post.of("recovery")) == (not is_confirmed)
    assert len({mail.id for mail in shop.post.mails}) == 1
    assert bool(shop.post.messages) == (is_confirmed and checkout.customer.phone is not None)


async def gone_through(
    checkout: Checkout,
    at_providers: Iterable[int] = (),
    at_home: Iterable[int] = (),
    webhooks: Iterable[int] = (),
    stock: int = 10,
) -> Shop:
    """A shop that the checkout went through to its end."""
    shop = Shop(at_providers, at_home)
    for line in checkout.lines:
        shop.stock.put(line.sku, stock)
    await shop.place(checkout)
    await shop.run(webhooks=webhooks)
    await shop.settle_down()
    return shop


async def send_again(shop: Shop, checkout: Checkout) -> None:
    """Redrive every dead letter of the checkout."""
    await shop.ledger.resume_scope(checkout.id, list(shop.functions))
    await shop.run()


@dataclass(frozen=True)
class Life:
    """A checkout, and all that befalls it."""

    checkout: Checkout
    at_providers: list[int]
    at_home: list[int]
    webhooks: list[int]
    stock: int


LIVES = st.builds(
    Life,
    carts(),
    TROUBLES,
    TROUBLES,
    st.lists(st.integers(0, 9), max_size=40),
    st.sampled_from([10, 10, 1]),
)


async def check_life(life: Life) -> None:
    shop = await gone_through(
        life.checkout, life.at_providers, life.at_home, life.webhooks, life.stock
    )
    await send_again(shop, life.checkout)
    await check_ended_well(shop, life.checkout)
    await send_again(shop, life.checkout)  # whatever was given up for good stays so
    await check_ended_well(shop, life.checkout)


@settings(max_examples=50, deadline=None)
@given(LIVES)
async def test_ends_well(life: Life) -> None:
    await check_life(life)


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None)
@given(LIVES)
async def test_ends_well_at_length(life: Life) -> None:
    await check_life(life)


T = Trouble
FIVE = 5  # as often as a queue tries a job


@pytest.mark.parametrize(
    "at_providers",
    [
        [T.HANGS, *[T.NO_ANSWER] * FIVE],  # an authorisation arrives once it is given up
        [T.NO_ANSWER_BEHIND] * FIVE,  # authorised, and nobody knows
        [T.NONE, *[T.NO_ANSWER_BEHIND] * FIVE],  # captured, and nobody knows
        [T.NONE, T.HANGS, *[T.NO_ANSWER] * FIVE],  # a capture arrives once it is given up
        [T.NONE, *[T.NO_ANSWER] * FIVE, *[T.NO_ANSWER_BEHIND] * 20],  # the undo is not told either
        [T.NONE, *[T.KILLED_BEHIND] * 7],  # nobody survives the capture
        [*[T.PAUSED] * 20],  # a breaker that is open for long uses up no attempt
    ],
)
async def test_ends_well_where_the_outcome_is_not_known(at_providers: list[int]) -> None:
    checkout = a_checkout()
    shop = await gone_through(checkout, at_providers)
    await check_ended_well(shop, checkout)
    order = await shop.orders.of_checkout(checkout.id)
    if T.PAUSED in at_providers:
        assert order is not None
        assert order.status is PlacedStatus.CONFIRMED


# more than a checkout makes of its providers, and of its stores
MOST_ABROAD, MOST_AT_HOME = 6, 25


@pytest.mark.parametrize("trouble", [T.KILLED_BEFORE, T.KILLED_BEHIND, T.HANGS])
@pytest.mark.parametrize("method", ["tok_ok", "tok_capture_declined"])
async def test_ends_well_whichever_one_call_a_worker_is_lost_at(
    method: str, trouble: Trouble
) -> None:
    none, calm = list[int](), int(T.NONE)
    abroad = [([calm] * place + [int(trouble)], none) for place in range(MOST_ABROAD)]
    at_home = [(none, [calm] * place + [int(trouble)]) for place in range(MOST_AT_HOME)]
    for troubles in (*abroad, *at_home):
        checkout = a_checkout(method=method)
        shop = await gone_through(checkout, *troubles)
        await check_ended_well(shop, checkout)
        order = await shop.orders.of_checkout(checkout.id)
        assert order is not None
        assert (order.status is PlacedStatus.CONFIRMED) == (method == "tok_ok")


@pytest.mark.parametrize(
    ("method", "state", "money"),
    [
        ("tok_ok", "completed", None),
        ("tok_action", "completed", None),
        ("tok_declined", "failed", Money.NOT_TAKEN),
        ("tok_new", "failed", Money.NOT_TAKEN),
        ("tok_leaves", "failed", Money.RETURNED),
        ("tok_capture_declined", "failed", Money.RETURNED),
    ],
)
async def test_without_trouble(method: str, state: str, money: Money | None) -> None:
    checkout = a_checkout(method=method)
    shop = await gone_through(checkout)
    await check_ended_well(shop, checkout)
    seen = status_of(checkout, await shop.jobs())
    assert (seen.state, seen.money) == (state, money)
    assert not [job for job in await shop.jobs() if job.status is JobStatus.FAILED]
