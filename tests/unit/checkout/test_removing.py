"""What retention removes of checkouts, and that nothing of it is ever seen half removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import new_job
from pedidos_checkout.domain.payments import PaymentStatus
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.reconciliation import Difference
from pedidos_checkout.domain.removal import may_go
from pedidos_checkout.domain.steps import Step
from pedidos_checkout.steps.comparing_payments import Ages
from pedidos_checkout.steps.paying import payment_of
from pedidos_checkout.steps.removing import REST_SECONDS, RemovingOld
from pedidos_common.domain.jobs import Failed
from tests.unit.checkout.carts import a_checkout, a_free_checkout, a_payment
from tests.unit.checkout.mortal import WRITES, Dies, Mortal
from tests.unit.checkout.test_reconciling import FOREVER, Scene

DAY = 86_400.0
DAYS = 30
CART = a_checkout("a", key="order-1")
SHORT = a_checkout("s", lines=[replace(CART.lines[0], quantity=999)])
CARTS = (CART, a_checkout("d", method="tok_declined"), SHORT, a_free_checkout(), a_payment())


class Retired(Scene):
    """A shop whose checkouts are kept for thirty days."""

    def leader(self, doomed: str = "", *, behind: bool = False, **changes: Any) -> RemovingOld:
        shop = self.shop

        async def now() -> datetime:
            return shop.clock()

        named = {
            "checkouts": shop.checkouts,
            "book": shop.book,
            "orders": shop.orders,
            "stock": shop.stock,
            "ledger": shop.ledger,
            "removals": self.removals,
        }
        ports: dict[str, Any] = {
            name: Mortal(port, name, doomed, behind=behind) for name, port in named.items()
        }
        return RemovingOld(**{**ports, "now": now, "days": DAYS, **changes})

    def wait(self, days: float = DAYS + 1) -> None:
        self.shop.clock.advance(days * DAY)

    async def compare_all(self) -> list[Difference]:
        """What a comparison of the provider's whole list finds, which is kept for ever there."""
        await self.kept.save(type(await self.kept.progress())())
        return [one.kind for one in (await self.compare(ages=Ages())).found]

    async def is_gone(self, checkout: Checkout) -> bool:
        """Whether nothing is left of it; half of it is neither."""
        shop = self.shop
        left = [
            await shop.checkouts.get(checkout.id),
            await shop.orders.of_checkout(checkout.id),
            await shop.book.get(checkout.payment_id),
            *[job async for job in shop.ledger.of_scope(checkout.id)],
        ]
        return not any(left)


@pytest.fixture
async def scene() -> Retired:
    return Retired()


async def test_what_ended_long_ago_goes_with_all_that_belongs_to_it(scene: Retired) -> None:
    await scene.done(*CARTS)
    scene.wait()
    young = a_checkout("y")
    await scene.done(young)
    await scene.leader().sweep()
    assert [await scene.is_gone(one) for one in (*CARTS, young)] == [True] * 5 + [False]
    tea, cup = [(await scene.shop.stock.levels([sku]))[sku] for sku in ("tea", "cup")]
    assert [(level.sold, level.sold_removed) for level in (tea, cup)] == [(6, 4), (3, 2)]
    assert tea.adds_up
    assert await scene.shop.orders.of_checkout(young.id) is not None
    assert await scene.compare_all() == []


@pytest.mark.parametrize("days", [DAYS, 0], ids=["kept", "for ever"])
async def test_what_is_younger_or_kept_for_ever_stays(scene: Retired, days: int) -> None:
    await scene.done(*CARTS)
    scene.wait(DAYS - 1 if days else 9_999)
    await scene.leader(days=days).sweep()
    assert not any([await scene.is_gone(one) for one in CARTS])


async def test_a_key_whose_checkout_is_gone_is_a_new_checkouts(scene: Retired) -> None:
    await scene.done(CART)
    scene.wait()
    again = a_checkout("b", key=CART.key)
    assert (await scene.shop.checkouts.accept(again)).checkout.id == CART.id
    await scene.leader().sweep()
    assert (await scene.shop.checkouts.accept(again)).is_new


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_removal_that_was_cut_short_is_nobodys_trouble(
    scene: Retired, write: str, behind: bool
) -> None:
    await scene.done(*CARTS)
    scene.wait()
    with pytest.raises(Dies):
        await scene.leader(write, behind=behind).sweep()
    assert await scene.compare_all() == []
    # whatever the setting says by then, what was begun comes to its end
    days = DAYS if (write, behind) == ("removals.begin", False) else 0
    await scene.leader(days=days).sweep()
    assert all([await scene.is_gone(one) for one in CARTS])
    level = (await scene.shop.stock.levels(["tea"]))["tea"]
    assert (level.sold, level.sold_removed) == (4, 4)
    assert (await scene.removals.standing()).under_way is None
    assert await scene.compare_all() == []


async def test_of_two_leaders_the_slower_one_removes_nothing(scene: Retired) -> None:
    await scene.done(*CARTS)
    scene.wait()
    removals = scene.removals

    class Slow:
        """Notes so late that another leader was faster."""

        async def begin(self, *args: Any) -> bool:
            await scene.leader(at_once=1).sweep()
            return await removals.begin(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(removals, name)

    await scene.leader(removals=Slow()).sweep()
    assert [await scene.is_gone(one) for one in CARTS].count(True) == 1


async def test_those_that_stay_hold_nobody_up(scene: Retired) -> None:
    stays = [a_checkout(f"l{name}") for name in "abc"]
    for one in stays:
        await scene.left(one, PaymentStatus.CAPTURED)
        await scene.shop.book.begin(payment_of(one))
        await scene.shop.book.note(one.payment_id, PaymentStatus.CAPTURED)
    await scene.done(CART)
    scene.wait()
    clock = [0.0]
    leader = scene.leader(at_once=2, monotonic=lambda: clock[0])
    for _ in range(2):
        await leader.sweep()
    assert await scene.is_gone(CART)
    assert not any([await scene.is_gone(one) for one in stays])
    late = a_checkout("z")
    await scene.done(late)
    scene.wait()
    await leader.sweep()  # it came to the end, where the next one does not begin
    clock[0] += REST_SECONDS
    for _ in range(3):
        await leader.sweep()
    assert await scene.is_gone(late)


async def _awaiting(scene: Retired) -> None:
    await _status(scene, PaymentStatus.VOIDED)
    await scene.shop.orders.remove([CART.id])
    await scene.shop.orders.create(order_of(CART), FOREVER)


async def _status(scene: Retired, status: PaymentStatus) -> None:
    await scene.shop.book.remove([CART.payment_id])
    await scene.shop.book.begin(replace(payment_of(CART), status=status))


async def _no_order(scene: Retired, status: PaymentStatus) -> None:
    await _status(scene, status)
    await scene.shop.orders.remove([CART.id])


async def _held(scene: Retired) -> None:
    await scene.shop.stock.reserve(CART.id, CART.lines[:1], 10 * 365 * DAY, FOREVER)


async def _open_job(scene: Retired) -> None:
    await scene.shop.ledger.create([new_job(CART, Step.UNDO_PAYMENT)])


async def _without_follow_ups(scene: Retired) -> None:
    shop = scene.shop
    await shop.ledger.remove(scope=CART.id)
    (bell,) = await shop.ledger.create([new_job(CART, Step.PAYMENT)])
    job = await shop.ledger.claim(bell.job_id, "w")
    assert job is not None
    await shop.ledger.settle(job, Failed("gone"))


async def _sent_again(scene: Retired) -> None:
    """A step that came to its end a moment ago."""
    scene.wait()
    await scene.shop.ledger.remove(scope=CART.id)
    (bell,) = await scene.shop.ledger.create([new_job(CART, Step.SMS)])
    job = await scene.shop.ledger.claim(bell.job_id, "w")
    assert job is not None
    await scene.shop.ledger.settle(job, Failed("no such number"))


UNSETTLED: dict[str, Callable[[Retired], Any]] = {
    "an order that waits for its money": _awaiting,
    "an order without its money": lambda scene: scene.shop.book.remove([CART.payment_id]),
    "an order whose money went back": lambda scene: _status(scene, PaymentStatus.REFUNDED),
    "money without an order": lambda scene: scene.shop.orders.remove([CART.id]),
    "money that is held": lambda scene: _no_order(scene, PaymentStatus.AUTHORISED),
    "a payment that waits": lambda scene: _no_order(scene, PaymentStatus.REQUIRES_ACTION),
    "stock that is held": _held,
    "a job that is open": _open_job,
    "a step whose follow-ups are not there": _without_follow_ups,
    "a step that was sent again": _sent_again,
}


@pytest.mark.parametrize("unsettle", UNSETTLED.values(), ids=UNSETTLED)
async def test_what_is_not_settled_stays(
    scene: Retired, unsettle: Callable[[Retired], Any]
) -> None:
    await scene.done(CART)
    await unsettle(scene)
    scene.wait(0 if unsettle is _sent_again else DAYS + 1)
    await scene.leader().sweep()
    assert await scene.shop.checkouts.get(CART.id) is not None


async def test_one_that_was_not_begun_stays(scene: Retired) -> None:
    await scene.shop.checkouts.accept(CART)
    scene.wait()
    await scene.leader().sweep()
    accepted = await scene.shop.checkouts.get(CART.id)
    assert accepted is not None
    assert not may_go(accepted, [], None, None, FOREVER)
    assert may_go(replace(accepted, is_begun=True), [], None, None, FOREVER)


async def test_what_jobs_retention_left_goes_too(scene: Retired) -> None:
    await scene.done(*CARTS)
    await scene.shop.ledger.remove(settled_before=scene.shop.clock())
    scene.wait()
    await scene.leader().sweep()
    assert all([await scene.is_gone(one) for one in CARTS])


async def test_an_unknown_payment_of_a_time_that_is_kept_is_still_found(scene: Retired) -> None:
    await scene.done(CART)
    scene.wait()
    await scene.leader().sweep()
    removed = await scene.removals.standing()
    assert removed.before is not None
    for name, after in (("pay_old", timedelta(minutes=30)), ("pay_new", timedelta(hours=2))):
        told = await scene.shop.provider.authorise(name, name, CART.total, "EUR", "tok_ok")
        scene.shop.provider.payments[told.id] = replace(told, created_at=removed.before + after)
    report = await scene.compare(ages=Ages())
    assert [(one.kind, one.about) for one in report.found] == [
        (Difference.UNKNOWN_PAYMENT, "pay_new")
    ]


async def test_a_checkout_that_goes_while_it_is_compared_is_not_judged(scene: Retired) -> None:
    """Its order may be gone already, and its money must not go back for that."""
    await scene.done(CART)
    scene.wait()
    orders = scene.shop.orders

    class Late:
        """Orders that are asked for when everything is gone."""

        async def among(self, ids: Any) -> Any:
            await scene.leader().sweep()
            return await orders.among(ids)

        def __getattr__(self, name: str) -> Any:
            return getattr(orders, name)

    report = await scene.compare(orders=Late())
    assert report.found == ()
    assert [job async for job in scene.shop.ledger.of_scope(CART.id)] == []
    assert await scene.shop.book.get(CART.payment_id) is None


async def test_a_record_that_goes_while_it_is_mended_does_not_come_back(scene: Retired) -> None:
    await scene.done(CART)
    scene.wait()
    (told,) = scene.shop.provider.payments.values()
    scene.shop.provider.payments[told.id] = replace(told, status=PaymentStatus.REFUNDED)
    checkouts = scene.shop.checkouts

    class Lost:
        """Checkouts that are removed as soon as one was looked at by itself."""

        async def get(self, checkout_id: str) -> Any:
            found = await checkouts.get(checkout_id)
            await scene.leader().sweep()
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(checkouts, name)

    await scene.compare(checkouts=Lost())
    assert await scene.is_gone(CART)
