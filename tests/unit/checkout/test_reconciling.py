"""What is found and repaired when payments and stock are compared with the provider's list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import new_job
from pedidos_checkout.domain.payments import PaymentEvent, PaymentStatus, ProviderPayment
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.reconciliation import (
    MOST_LISTED,
    Difference,
    Findings,
    Found,
    Progress,
    Repair,
    Report,
    differences,
    is_over,
    reconcile_job,
    reconcile_job_now,
)
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import ProviderPaused, ProviderRefused
from pedidos_checkout.steps.comparing_payments import Ages
from pedidos_checkout.steps.paying import payment_of
from pedidos_checkout.steps.reconciling import Reconciling
from pedidos_checkout.steps.webhooks import take_in
from pedidos_checkout.testing.in_memory_stores import InMemoryReconciliations, InMemoryRemovals
from pedidos_common.domain.jobs import Job, JobStatus, Retry, Succeeded
from tests.unit.checkout.carts import a_checkout, a_payment
from tests.unit.checkout.shop import Context, Shop

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
S, D, R = PaymentStatus, Difference, Repair
CART = a_checkout()


class Scene:
    """A shop with stock, some checkouts that went through it, and its comparison."""

    def __init__(self) -> None:
        self.shop = Shop()
        for sku in ("tea", "cup"):
            self.shop.stock.put(sku, 100)
        self.kept = InMemoryReconciliations(self.shop.clock)
        self.removals = InMemoryRemovals()
        self.comparison = Reconciling(
            provider=self.shop.provider,
            book=self.shop.book,
            checkouts=self.shop.checkouts,
            orders=self.shop.orders,
            stock=self.shop.stock,
            ledger=self.shop.ledger,
            kept=self.kept,
            removals=self.removals,
        )
        self.runs = 0

    async def done(self, *checkouts: Checkout) -> None:
        """They go through, and an hour passes."""
        await self.shop.place(*checkouts)
        await self.shop.run()
        self.shop.clock.advance(3_600)

    async def left(self, checkout: Checkout, status: PaymentStatus) -> ProviderPayment:
        """A checkout without jobs, and what is at the provider for it all the same."""
        await self.shop.checkouts.accept(checkout)
        await self.shop.checkouts.begun([checkout.id])
        told = await self.shop.provider.authorise(
            job_id(checkout, Step.PAYMENT), checkout.payment_id, checkout.total, "EUR", "tok_ok"
        )
        told = self.shop.provider.payments[told.id] = replace(told, status=status)
        self.shop.clock.advance(3_600)
        return told

    async def compare(self, **changes: Any) -> Report:
        """One run of the job; its report."""
        self.runs += 1
        at = self.shop.clock() + timedelta(seconds=self.runs)
        (bell,) = await self.shop.ledger.create([reconcile_job_now(at)])
        job = await self.shop.ledger.claim(bell.job_id, "w")
        assert job is not None
        comparison = replace(self.comparison, **changes)
        outcome = await comparison.perform(job, Context(FOREVER, self.shop.clock))
        assert isinstance(outcome, Succeeded), outcome
        await self.shop.ledger.settle(job, outcome)
        report = await self.kept.get(job.id)
        assert report is not None
        assert outcome.result["complete"] == report.complete
        return report

    async def found(self) -> list[tuple[Difference, Repair]]:
        """What a run finds."""
        return [(one.kind, one.repair) for one in (await self.compare()).found]


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_where_all_went_well_nothing_differs(scene: Scene) -> None:
    declined = a_checkout("d", method="tok_declined")
    unpaid = a_checkout("u", method="tok_leaves")
    too_much = a_checkout("m", lines=[replace(CART.lines[0], quantity=999)])
    await scene.done(CART, declined, unpaid, too_much, a_payment())
    report = await scene.compare()
    assert report.found == ()
    assert report.complete
    assert report.seen == {"products": 2, "holds": 0, "payments": 5}
    assert await scene.found() == []


async def test_money_without_an_order_goes_back(scene: Scene) -> None:
    await scene.left(CART, S.CAPTURED)
    first = await scene.compare()
    assert [(one.kind, one.repair) for one in first.found] == [
        (D.RECORD_BEHIND, R.NOTED),
        (D.CAPTURED_WITHOUT_ORDER, R.REFUND),
    ]
    assert first.found[1].about == CART.payment_id
    assert "captured with 18.00 EUR" in first.found[1].detail
    await scene.shop.run()
    (payment,) = scene.shop.provider.payments.values()
    assert payment.status is S.REFUNDED
    (mail,) = scene.shop.post.of("recovery")
    assert "given back" in mail.text or "on its way back" in mail.text
    assert await scene.found() == []


async def test_a_customer_who_was_told_already_is_not_told_again(scene: Scene) -> None:
    declined = a_checkout("d", method="tok_declined")
    await scene.done(declined)
    (told,) = scene.shop.provider.payments.values()
    later = replace(told, status=S.AUTHORISED)
    scene.shop.provider.payments[told.id] = later
    scene.shop.book._payments[told.reference] = replace(payment_of(declined), status=S.NEW)
    assert (D.LEFT_AUTHORISED, R.REFUND) in await scene.found()
    await scene.shop.run()
    assert scene.shop.provider.payments[told.id].status is S.VOIDED
    assert len(scene.shop.post.of("recovery")) == 1


async def test_a_payment_alone_that_is_let_go_tells_nobody(scene: Scene) -> None:
    await scene.left(a_payment(), S.AUTHORISED)
    assert (D.LEFT_AUTHORISED, R.REFUND) in await scene.found()
    await scene.shop.run()
    assert scene.shop.post.mails == []


@pytest.mark.parametrize("status", [S.AUTHORISED, S.REQUIRES_ACTION])
async def test_money_that_is_held_for_nothing_is_let_go(
    scene: Scene, status: PaymentStatus
) -> None:
    await scene.left(CART, status)
    assert (D.LEFT_AUTHORISED, R.REFUND) in await scene.found()
    await scene.shop.run()
    (payment,) = scene.shop.provider.payments.values()
    assert payment.status is S.VOIDED


async def test_what_still_goes_on_is_left_alone(scene: Scene) -> None:
    await scene.shop.place(CART)
    for step in (Step.PAYMENT, Step.STOCK):
        await scene.shop.deliver(job_id(CART, step))
    scene.shop.clock.advance(3_600)
    assert await scene.found() == []
    assert (await scene.shop.stock.levels(["tea"]))["tea"].held == 2


async def test_a_payment_alone_needs_no_order(scene: Scene) -> None:
    await scene.left(a_payment(), S.CAPTURED)
    assert await scene.found() == [(D.RECORD_BEHIND, R.NOTED)]
    assert await scene.found() == []


async def test_what_is_not_repaired_by_a_repeat_is_reported(scene: Scene) -> None:
    told = await scene.left(CART, S.CAPTURED)
    await scene.compare()
    await scene.shop.run()
    scene.shop.provider.payments[told.id] = replace(told, status=S.CAPTURED)
    assert await scene.found() == [(D.RECORD_AHEAD, R.NONE)]


async def test_an_undo_that_was_done_and_did_not_help_is_left_to_people(scene: Scene) -> None:
    await scene.left(CART, S.CAPTURED)
    await scene.shop.ledger.create([new_job(CART, Step.UNDO_PAYMENT)])
    job = await scene.shop.ledger.claim(job_id(CART, Step.UNDO_PAYMENT), "w")
    assert job is not None
    await scene.shop.ledger.settle(job, Succeeded({"payment": "none"}))
    assert await scene.found() == [(D.RECORD_BEHIND, R.NOTED), (D.CAPTURED_WITHOUT_ORDER, R.NONE)]
    assert await scene.shop.ledger.get(job_id(CART, Step.UNDO_ORDER)) is None


async def test_an_order_whose_money_is_gone_is_reported(scene: Scene) -> None:
    await scene.done(CART)
    (told,) = scene.shop.provider.payments.values()
    scene.shop.provider.payments[told.id] = replace(told, status=S.REFUNDED)
    assert await scene.found() == [(D.RECORD_BEHIND, R.NOTED), (D.ORDER_WITHOUT_MONEY, R.NONE)]
    assert await scene.shop.orders.confirm(CART.id, FOREVER) is not None


async def test_another_amount_is_reported_and_never_touched(scene: Scene) -> None:
    told = await scene.left(CART, S.CAPTURED)
    scene.shop.provider.payments[told.id] = replace(told, amount=Decimal("1.00"))
    assert await scene.found() == [(D.AMOUNT, R.NONE)]
    assert await scene.shop.ledger.get(job_id(CART, Step.UNDO_PAYMENT)) is None


async def test_a_payment_that_is_not_ours_is_reported(scene: Scene) -> None:
    await scene.shop.provider.authorise("k", "pay_other", Decimal("5.00"), "EUR", "tok_ok")
    await scene.shop.provider.authorise("l", "other", Decimal("5.00"), "EUR", "tok_declined")
    assert await scene.found() == [(D.UNKNOWN_PAYMENT, R.NONE)]


async def _charged_twice(scene: Scene, status: PaymentStatus) -> None:
    (first,) = scene.shop.provider.payments.values()
    second = replace(first, id="ch_second", status=status)
    scene.shop.provider.payments[second.id] = second


@pytest.mark.parametrize(("status", "then"), [(S.CAPTURED, S.REFUNDED), (S.AUTHORISED, S.VOIDED)])
async def test_a_second_charge_goes_back_and_the_first_one_stays(
    scene: Scene, status: PaymentStatus, then: PaymentStatus
) -> None:
    await scene.done(CART)
    await _charged_twice(scene, status)
    assert await scene.found() == [(D.SECOND_CHARGE, R.GIVEN_BACK)]
    assert [one.status for one in scene.shop.provider.payments.values()] == [S.CAPTURED, then]
    told = scene.shop.provider.payments["ch_second"]
    await take_in(PaymentEvent("msg_1", told), scene.shop.book, scene.shop.ledger)
    known = await scene.shop.book.get(CART.payment_id)
    assert known is not None
    assert (known.status, known.provider_id) == (S.CAPTURED, "ch_0")
    assert await scene.found() == []


async def test_a_second_charge_of_an_order_that_the_first_does_not_pay_is_left_to_people(
    scene: Scene,
) -> None:
    await scene.done(CART)
    await _charged_twice(scene, S.CAPTURED)
    provider = scene.shop.provider
    provider.payments["ch_0"] = replace(provider.payments["ch_0"], status=S.REFUNDED)
    assert (D.SECOND_CHARGE, R.NONE) in await scene.found()
    assert provider.payments["ch_second"].status is S.CAPTURED


async def test_a_second_charge_without_any_order_goes_back(scene: Scene) -> None:
    await scene.done(a_checkout(method="tok_declined"))
    await _charged_twice(scene, S.CAPTURED)
    assert await scene.found() == [(D.SECOND_CHARGE, R.GIVEN_BACK)]
    assert scene.shop.provider.payments["ch_second"].status is S.REFUNDED


async def test_a_second_charge_that_may_not_be_refunded_is_left_to_people(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_asked: object) -> None:
        raise ProviderRefused("payment", "disputed", "not now")

    await scene.done(CART)
    await _charged_twice(scene, S.CAPTURED)
    monkeypatch.setattr(scene.shop.provider, "refund", refused)
    assert await scene.found() == [(D.SECOND_CHARGE, R.NONE)]


async def test_what_only_we_know_of_is_reported_until_the_provider_knows_it(scene: Scene) -> None:
    await scene.done(CART)
    (told,) = scene.shop.provider.payments.values()
    scene.shop.provider.payments.clear()
    assert await scene.found() == [(D.NOT_AT_PROVIDER, R.NONE)]
    scene.shop.provider.payments[told.id] = told
    assert await scene.found() == []
    scene.shop.provider.payments.clear()
    assert await scene.found() == []  # it was in the list once


async def test_however_many_only_we_know_of_each_has_its_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pedidos_checkout.steps.comparing_payments.MOST_NOT_LISTED", 2)
    await scene.done(*(a_checkout(name) for name in "bcdef"))
    scene.shop.provider.payments.clear()
    runs = [[one.about for one in (await scene.compare()).found] for _ in range(4)]
    assert [len(about) for about in runs] == [2, 2, 1, 2]
    assert len({about for run in runs for about in run}) == 5
    assert runs[3] == runs[0]


@pytest.mark.parametrize("refuses", [True, False])
async def test_the_list_of_a_provider_that_was_set_up_anew_is_read_from_its_beginning(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, refuses: bool
) -> None:
    monkeypatch.setattr("pedidos_checkout.steps.comparing_payments.PAGE", 1)
    await scene.done(*(a_checkout(name) for name in "bcd"))
    await scene.compare()
    provider, page = scene.shop.provider, scene.shop.provider.page

    async def refusing(after: str | None, limit: int) -> Any:
        if refuses and int(after or 0) >= len(provider.payments):
            raise ProviderRefused("payment", "not_found", "there is no such cursor")
        return await page(after, limit)

    provider.payments.clear()
    provider.keys.clear()
    await scene.left(a_checkout("lost"), S.CAPTURED)
    monkeypatch.setattr(provider, "page", refusing)
    found = await scene.compare()
    assert found.complete
    assert "captured_without_order" in found.counts
    assert await scene.kept.progress() == Progress()


async def test_a_hold_of_a_checkout_that_is_over_is_released(scene: Scene) -> None:
    await scene.done(a_checkout("d", method="tok_declined"), CART)
    over = a_checkout("d")
    await scene.shop.stock.reserve(over.id, over.lines, 900.0, FOREVER)
    await scene.shop.stock.pin(over.id, over.lines, FOREVER)
    assert await scene.found() == [(D.HOLD_LEFT, R.RELEASED)] * 2
    level = (await scene.shop.stock.levels(["tea"]))["tea"]
    assert (level.available, level.held, level.sold) == (98, 0, 2)


async def test_a_sale_that_was_not_booked_is_booked(scene: Scene) -> None:
    await scene.left(CART, S.CAPTURED)
    await scene.shop.book.begin(payment_of(CART))
    await scene.shop.book.note(CART.payment_id, S.CAPTURED, "ch_0")
    await scene.shop.stock.reserve(CART.id, CART.lines, 900.0, FOREVER)
    await scene.shop.orders.create(order_of(CART), FOREVER)
    await scene.shop.orders.confirm(CART.id, FOREVER)
    # of one checkout one job: the second product finds it asked for, and still under way
    assert await scene.found() == [(D.SALE_LEFT, R.SALE)]
    await scene.shop.run()
    assert (await scene.shop.stock.levels(["tea"]))["tea"].sold == 2
    assert await scene.found() == []


async def test_a_hold_of_nobody_is_reported(scene: Scene) -> None:
    await scene.shop.stock.reserve("co_nobody", CART.lines[:1], 900.0, FOREVER)
    assert await scene.found() == [(D.UNKNOWN_HOLD, R.NONE)]


async def test_a_product_that_does_not_add_up_is_reported(scene: Scene) -> None:
    scene.shop.stock._shelves["tea"].sold = 1
    report = await scene.compare()
    assert [(one.kind, one.about) for one in report.found] == [(D.STOCK_SUM, "tea")]
    assert report.found[0].detail == (
        "100 available, 0 held and 1 sold are not the 100 that came in"
    )


async def test_a_run_does_so_much_and_the_next_one_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pedidos_checkout.steps.comparing_payments.PAGE", 2)
    monkeypatch.setattr("pedidos_checkout.steps.comparing_stock.PAGE", 1)
    await scene.done(*(a_checkout(name) for name in "bcdefg"))
    seen = []
    for _ in range(3):
        report = await scene.compare(most_payment_pages=1, most_stock_pages=1)
        seen.append((report.seen["payments"], report.seen["products"], report.complete))
    assert seen == [(2, 1, False), (2, 1, False), (2, 1, False)]
    # the list's end was met just now; what is old is not looked at again
    assert await scene.kept.progress() == Progress(anchor="4", stock_after="cup")


async def test_what_is_new_is_not_judged_and_what_is_young_is_seen_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pedidos_checkout.steps.comparing_payments.PAGE", 1)
    await scene.done(*(a_checkout(name) for name in "bcd"))
    now, ages = scene.shop.clock(), (2_000, 1_000, 200)
    for told, seconds in zip(list(scene.shop.provider.payments.values()), ages, strict=True):
        at = now - timedelta(seconds=seconds)
        scene.shop.provider.payments[told.id] = replace(told, created_at=at)
    reports = [await scene.compare(ages=Ages(300.0, 900.0)) for _ in range(3)]
    # all; and then the young one again. The new one is looked up once, as our record of it is old
    assert [report.seen["payments"] for report in reports] == [3, 1, 1]
    assert all(report.complete for report in reports)
    assert await scene.kept.progress() == Progress(anchor="1")


async def test_it_waits_with_the_provider_and_loses_nothing(scene: Scene) -> None:
    scene.shop.stock._shelves["tea"].sold = 1
    provider = scene.shop.provider

    class Away:
        async def page(self, after: str | None, limit: int) -> object:
            raise ProviderPaused("payment", 60.0)

    (bell,) = await scene.shop.ledger.create([reconcile_job(scene.shop.clock(), 15)])
    job = await scene.shop.ledger.claim(bell.job_id, "w")
    assert job is not None
    context = Context(FOREVER, scene.shop.clock)
    away: Any = Away()
    outcome = await replace(scene.comparison, provider=away).perform(job, context)
    assert isinstance(outcome, Retry)
    assert (outcome.counts, outcome.delay_seconds) == (False, 60.0)
    again = await replace(scene.comparison, provider=provider).perform(job, context)
    assert isinstance(again, Succeeded)
    assert again.result["counts"] == {"stock_sum": 1}


def test_the_job_of_a_slot_is_the_same_for_all_who_ask() -> None:
    at = datetime(2026, 3, 1, 10, 44, 59, 999, tzinfo=UTC)
    assert reconcile_job(at, 15).id == "reconcile:20260301T1030"
    assert reconcile_job(at - timedelta(minutes=14), 15).id == "reconcile:20260301T1030"
    assert reconcile_job(at + timedelta(seconds=1), 15).id == "reconcile:20260301T1045"
    assert reconcile_job_now(at).id == "reconcile:20260301T104459-asked"


def test_a_report_lists_so_many_and_counts_all() -> None:
    findings = Findings()
    for n in range(MOST_LISTED + 5):
        findings.add(Found(D.HOLD_LEFT, f"co_{n}", "held", R.RELEASED))
    findings.add(Found(D.HOLD_LEFT, "co_0", "held", R.RELEASED))
    report = findings.report("r", FOREVER, complete=True)
    assert len(report.found) == MOST_LISTED
    assert report.counts == {"hold_left": MOST_LISTED + 5}
    assert report.repairs == {"released": MOST_LISTED + 5}


def test_what_is_left_is_counted_by_kind_over_all_runs_of_the_job() -> None:
    findings = Findings()
    for n in range(MOST_LISTED + 5):
        findings.add(Found(D.HOLD_LEFT, f"co_{n}", "held", R.RELEASED))
    findings.add(Found(D.AMOUNT, "pay_1", "odd"))
    findings.add(Found(D.SALE_LEFT, "co_x", "held", R.SALE))
    again = Findings(findings.report("r", FOREVER, complete=False))
    again.add(Found(D.SALE_LEFT, "co_y", "held"))
    assert again.report("r", FOREVER, complete=True).left == {"amount": 1, "sale_left": 1}


def _job(step: Step, status: JobStatus = JobStatus.SUCCEEDED, **result: str) -> Job:
    return replace(_ANY, id=job_id(CART, step), status=status, result=result)


_ANY = Job("j", "f", "q", reconcile_job_now(FOREVER).band, {}, JobStatus.QUEUED, FOREVER)


@pytest.mark.parametrize(
    ("jobs", "over"),
    [
        ([], True),
        ([_job(Step.PAYMENT)], False),  # what follows from it is not there yet
        ([_job(Step.PAYMENT, refused="card_declined")], False),
        ([_job(Step.PAYMENT, refused="card_declined"), _job(Step.RECOVERY)], True),
        ([_job(Step.PAYMENT), _job(Step.STOCK, JobStatus.RETRYING)], False),
        ([_job(Step.CAPTURE), _job(Step.INVENTORY), _job(Step.CONFIRMATION)], True),
        ([_job(Step.CAPTURE), _job(Step.CONFIRMATION)], False),
    ],
)
def test_a_checkout_is_over_when_nothing_is_left_to_follow(jobs: list[Job], over: bool) -> None:
    assert is_over(CART, jobs) is over


def test_a_payment_that_differs_nowhere_is_none() -> None:
    told = ProviderPayment("ch", CART.payment_id, CART.total, "EUR", S.DECLINED)
    known = replace(payment_of(CART), status=S.DECLINED)
    assert list(differences(told, known, CART, None)) == []
