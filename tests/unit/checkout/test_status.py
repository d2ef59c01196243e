"""How a checkout stands, from it and its jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import Ending, new_job, stages_of
from pedidos_checkout.domain.payments import Payment, PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedStatus, order_of
from pedidos_checkout.domain.status import FORGOTTEN, CheckoutState, Money, status_of
from pedidos_checkout.domain.steps import Step
from pedidos_common.domain.jobs import Job, JobStatus
from tests.unit.checkout.carts import ACCEPTED, a_checkout, a_free_checkout, a_payment

LATER = ACCEPTED + timedelta(seconds=2)
DONE = {"status": JobStatus.SUCCEEDED, "first_claimed_at": ACCEPTED, "settled_at": LATER}
RUNNING = {"status": JobStatus.RUNNING, "first_claimed_at": ACCEPTED, "claimed_at": LATER}
DEAD = {"status": JobStatus.FAILED, "first_claimed_at": ACCEPTED, "settled_at": LATER}


def a_job(checkout: Checkout, step: Step, **other: Any) -> Job:
    new = new_job(checkout, step)
    values: dict[str, Any] = {
        "status": JobStatus.QUEUED,
        "created_at": ACCEPTED,
        "scope": new.scope,
    }
    return Job(new.id, new.function, new.queue, new.band, new.payload, **values | other)


def refused(code: Ending, error: str) -> dict[str, Any]:
    return {**DONE, "result": {"refused": code.value, "error": error}}


def the_way(checkout: Checkout) -> list[Step]:
    return [step for stage in stages_of(checkout) for step in stage]


def test_accepted_and_not_begun_is_queued() -> None:
    seen = status_of(a_checkout(), [], now=LATER)
    assert (seen.state, seen.progress, seen.processing_ms) == (CheckoutState.QUEUED, 0, 2_000)
    assert status_of(a_checkout(), [a_job(a_checkout(), Step.PAYMENT)]).state == "queued"


@pytest.mark.parametrize("checkout", [a_checkout(), a_free_checkout(), a_payment()])
def test_progress_rises_with_each_step_to_100(checkout: Checkout) -> None:
    jobs, seen = list[Job](), [0]
    for step in the_way(checkout):
        seen.append(status_of(checkout, [*jobs, a_job(checkout, step, **RUNNING)]).progress)
        jobs.append(a_job(checkout, step, **DONE))
        seen.append(status_of(checkout, jobs).progress)
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_it_is_completed_from_the_capture_on() -> None:
    checkout = a_checkout()
    jobs = [a_job(checkout, s, **DONE) for s in the_way(checkout)[:4]]
    behind = [a_job(checkout, Step.INVENTORY), a_job(checkout, Step.CONFIRMATION, **DEAD)]
    seen = status_of(checkout, [*jobs, *behind], now=LATER + timedelta(hours=1))
    assert (seen.state, seen.processing_ms, seen.is_final) == ("completed", 2_000, True)
    assert status_of(checkout, jobs[:3]).state == "processing"


def test_a_begun_checkout_whose_jobs_were_removed_is_told_from_its_order() -> None:
    gone = a_checkout(is_begun=True)
    confirmed = replace(order_of(gone), status=PlacedStatus.CONFIRMED, confirmed_at=LATER)
    seen = status_of(gone, [], confirmed)
    assert (seen.state, seen.progress, seen.order) == ("completed", 100, confirmed)
    assert (seen.processing_ms, seen.is_final, seen.steps) == (2_000, True, [])
    mailing = [a_job(gone, Step.CONFIRMATION, **RUNNING)]
    assert status_of(gone, mailing, confirmed).state == "completed"
    waiting = replace(confirmed, status=PlacedStatus.AWAITING_PAYMENT)
    seen = status_of(gone, [], waiting)
    assert (seen.state, seen.error, seen.is_final) == ("failed", FORGOTTEN, True)


@pytest.mark.parametrize(
    ("status", "state", "money"),
    [
        (PaymentStatus.CAPTURED, "completed", None),
        (PaymentStatus.DECLINED, "failed", Money.NOT_TAKEN),
        (PaymentStatus.REFUNDED, "failed", Money.RETURNED),
        (PaymentStatus.AUTHORISED, "failed", None),
    ],
)
def test_a_payment_whose_jobs_were_removed_is_told_from_its_record(
    status: PaymentStatus, state: str, money: Money | None
) -> None:
    gone = a_payment(is_begun=True)
    payment = Payment(gone.payment_id, gone.id, gone.total, gone.currency, status)
    seen = status_of(gone, [], payment=payment)
    assert (seen.state, seen.money, seen.is_final) == (state, money, True)


def test_a_waiting_customer_is_told_what_is_waited_for() -> None:
    waits = {**RUNNING, "status": JobStatus.RETRYING, "result": {"waits": "customer"}}
    seen = status_of(a_checkout(), [a_job(a_checkout(), Step.PAYMENT, **waits)])
    assert (seen.state, "confirm the payment" in seen.message) == ("processing", True)
    assert seen.waits_for_customer
    over = {**DONE, "result": {"waits": "customer"}}
    assert not status_of(
        a_checkout(), [a_job(a_checkout(), Step.PAYMENT, **over)]
    ).waits_for_customer


def test_a_step_is_queued_when_what_it_follows_ended_and_not_before() -> None:
    came, paid = ACCEPTED + timedelta(milliseconds=61), ACCEPTED + timedelta(milliseconds=250)
    checkout, second = a_checkout(created_at=came), {"created_at": ACCEPTED}
    jobs = [
        a_job(checkout, Step.PAYMENT, **{**DONE, **second, "settled_at": paid}),
        a_job(checkout, Step.STOCK, **refused(Ending.OUT_OF_STOCK, "out of stock"), **second),
        a_job(checkout, Step.UNDO_PAYMENT, **second),
    ]
    queued = {one.step: one.queued_at for one in status_of(checkout, jobs).steps}
    assert (queued[Step.PAYMENT], queued[Step.STOCK]) == (came, paid)
    assert queued[Step.UNDO_PAYMENT] == LATER
    late = replace(jobs[1], created_at=LATER)  # its worker died before it was created
    assert status_of(checkout, [jobs[0], late]).steps[1].queued_at == LATER


def test_a_declined_card_took_no_money() -> None:
    payment = a_job(a_checkout(), Step.PAYMENT, **refused(Ending.CARD_DECLINED, "declined"))
    seen = status_of(a_checkout(), [payment])
    assert (seen.state, seen.code, seen.error) == ("failed", "card_declined", "declined")
    assert (seen.money, seen.is_final, seen.order) == (Money.NOT_TAKEN, True, None)


@pytest.mark.parametrize(
    ("undo", "money"),
    [
        ([], Money.PENDING),  # the follow-up is not in the ledger yet
        ([RUNNING], Money.PENDING),
        ([{**DONE, "result": {"payment": "refunded"}}], Money.RETURNED),
        ([{**DONE, "result": {"payment": "voided"}}], Money.RETURNED),
        ([{**DONE, "result": {"payment": "declined"}}], Money.NOT_TAKEN),
    ],
)
def test_money_is_pending_until_it_is_certainly_back(undo: list[Any], money: Money) -> None:
    checkout = a_checkout()
    stock = a_job(checkout, Step.STOCK, **refused(Ending.OUT_OF_STOCK, "tea is out of stock"))
    jobs = [a_job(checkout, Step.PAYMENT, **DONE), stock]
    jobs += [a_job(checkout, Step.UNDO_PAYMENT, **state) for state in undo]
    seen = status_of(checkout, jobs)
    assert (seen.state, seen.money, seen.error) == ("failed", money, "tea is out of stock")
    assert seen.is_final is (money is not Money.PENDING)


def test_what_was_given_up_says_nothing_of_our_insides() -> None:
    dead = a_job(a_checkout(), Step.PAYMENT, **DEAD, error="ConnectionError: 10.0.0.3 refused")
    seen = status_of(a_checkout(), [dead])
    assert (seen.state, seen.code) == ("failed", "given_up")
    assert "10.0.0.3" not in str(seen)


def test_it_stays_failed_where_a_step_is_sent_again_after_its_way_back_began() -> None:
    checkout = a_checkout()
    again = a_job(checkout, Step.CAPTURE, status=JobStatus.QUEUED)
    undo = a_job(checkout, Step.UNDO_PAYMENT, **DONE, result={"payment": "voided"})
    seen = status_of(checkout, [again, undo])
    assert (seen.state, seen.money) == ("failed", Money.RETURNED)


def test_retries_of_all_steps_are_counted() -> None:
    checkout = a_checkout()
    jobs = [
        a_job(checkout, Step.PAYMENT, **DONE, attempts=2),
        a_job(checkout, Step.STOCK, **RUNNING, lost=1),
    ]
    seen = status_of(checkout, jobs)
    assert seen.retries == 3
    assert [step.retries for step in seen.steps][:2] == [2, 1]


def test_each_step_is_shown_with_its_times() -> None:
    checkout = a_checkout()
    seen = status_of(checkout, [a_job(checkout, Step.PAYMENT, **DONE)])
    assert [s.step for s in seen.steps] == the_way(checkout)
    first, second = seen.steps[:2]
    assert (first.state, first.outcome, first.ended_at) == ("succeeded", Ending.DONE, LATER)
    assert (second.state, second.outcome, second.ended_at) == ("waiting", None, None)
