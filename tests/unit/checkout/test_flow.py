"""What follows when a step of a checkout ended, one way or another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import (
    BACK,
    FORWARD,
    Ending,
    age_seconds,
    first_job,
    follow_ups,
    next_steps,
    stages_of,
)
from pedidos_checkout.domain.steps import KINDS, Step, step_of
from pedidos_common.domain import queues
from pedidos_common.domain.jobs import MOST_AHEAD_SECONDS, Band
from pedidos_common.domain.orders import Tier
from tests.unit.checkout.carts import ACCEPTED, CUSTOMER, a_checkout, a_free_checkout, a_payment

WITH_PHONE = replace(CUSTOMER, phone="+5511999990000")
SHAPES = [a_checkout(), a_free_checkout(), a_payment(), a_checkout(customer=WITH_PHONE)]


def test_a_paid_checkout_begins_with_its_payment() -> None:
    job = first_job(a_checkout("x"))
    assert (job.id, job.function) == (f"{a_checkout('x').id}:payment", "process-payment")
    assert (job.queue, job.band) == (queues.PAYMENT_PROCESSING, Band.CRITICAL)
    assert (job.scope, dict(job.payload)) == (
        a_checkout("x").id,
        {"checkoutId": a_checkout("x").id, "priority": "NORMAL"},
    )


def test_a_free_one_begins_with_its_stock() -> None:
    assert step_of(first_job(a_free_checkout()).id) is Step.STOCK


@pytest.mark.parametrize("checkout", SHAPES)
def test_each_step_of_the_way_is_reached_once(checkout: Checkout) -> None:
    reached, found = [step_of(first_job(checkout).id)], stages_of(checkout)[0]
    for step in found:
        then = [s for s in next_steps(checkout, step, Ending.DONE) if s not in reached]
        reached, found[len(found) :] = [*reached, *then], then
    assert sorted(filter(None, reached)) == sorted(
        s for stage in stages_of(checkout) for s in stage
    )


def test_a_text_message_only_where_there_is_a_phone() -> None:
    assert Step.SMS not in next_steps(a_checkout(), Step.CAPTURE, Ending.DONE)
    with_phone = a_checkout(customer=WITH_PHONE)
    assert Step.SMS in next_steps(with_phone, Step.CAPTURE, Ending.DONE)


def test_nothing_follows_what_only_tells() -> None:
    for step in Step:
        if step not in FORWARD:
            for ending in Ending:
                assert next_steps(a_checkout(), step, ending) == []


@pytest.mark.parametrize(("step", "ending"), BACK)
def test_whatever_was_authorised_and_not_settled_is_undone(step: Step, ending: Ending) -> None:
    nothing_held = {Ending.CARD_DECLINED, Ending.PAYMENT_ENDED}
    undone = Step.UNDO_PAYMENT in next_steps(a_checkout(), step, ending)
    assert undone is not (step is Step.PAYMENT and ending in nothing_held)


@pytest.mark.parametrize("step", sorted(FORWARD))
def test_what_a_step_may_have_done_is_undone_where_it_is_given_up(step: Step) -> None:
    back = next_steps(a_checkout(), step, Ending.GIVEN_UP)
    before = {Step.PAYMENT, Step.STOCK, Step.ORDER}
    undo = {
        Step.PAYMENT: Step.UNDO_PAYMENT,
        Step.STOCK: Step.UNDO_STOCK,
        Step.ORDER: Step.UNDO_ORDER,
    }
    way = [s for stage in stages_of(a_checkout()) for s in stage]
    assert {undo[s] for s in way[: way.index(step) + 1] if s in before} <= set(back)


def test_nothing_is_undone_that_was_not_there() -> None:
    assert Step.UNDO_PAYMENT not in next_steps(a_free_checkout(), Step.ORDER, Ending.GIVEN_UP)
    assert next_steps(a_payment(), Step.CAPTURE, Ending.GIVEN_UP) == [Step.UNDO_PAYMENT]


def test_a_vips_jobs_have_their_queues_head_start() -> None:
    policies = {
        name: replace(policy, vip_ahead_seconds=float(place))
        for place, (name, policy) in enumerate(queues.DEFAULTS.items(), 1)
    }
    vip = a_checkout(customer=replace(WITH_PHONE, tier=Tier.DIAMANTE))
    jobs = [first_job(vip, policies), *follow_ups(vip, Step.CAPTURE, Ending.DONE, policies)]
    assert [job.ahead_seconds for job in jobs] == [
        policies[j.queue].vip_ahead_seconds for j in jobs
    ]
    other = a_checkout(customer=replace(WITH_PHONE, tier=Tier.OURO))
    assert first_job(other, policies).ahead_seconds == 0.0
    assert [job.payload["priority"] for job in (*jobs, first_job(other))] == [
        *["VIP"] * 4,
        "NORMAL",
    ]


@pytest.mark.parametrize(("tier", "head_start"), [(Tier.DIAMANTE, 60.0), (Tier.OURO, 0.0)])
def test_what_follows_is_ahead_by_its_checkouts_age_too(tier: Tier, head_start: float) -> None:
    checkout = a_checkout(customer=replace(WITH_PHONE, tier=tier))
    for age, ahead in ((0.0, head_start), (7.5, head_start + 7.5), (1e6, MOST_AHEAD_SECONDS)):
        jobs = follow_ups(checkout, Step.CAPTURE, Ending.DONE, age_seconds=age)
        assert [job.ahead_seconds for job in jobs] == [ahead] * 3


def test_no_checkout_is_younger_than_new() -> None:
    assert age_seconds(a_checkout(), ACCEPTED + timedelta(seconds=2.5)) == 2.5
    assert age_seconds(a_checkout(), ACCEPTED - timedelta(seconds=1)) == 0.0
    assert age_seconds(a_checkout(), None) == 0.0


def test_an_undo_is_not_given_up_for_lost_workers() -> None:
    jobs = follow_ups(a_checkout(), Step.CAPTURE, Ending.GIVEN_UP)
    patient = {step_of(job.id) for job in jobs if job.max_deliveries > 1_000}
    assert patient == {Step.UNDO_ORDER, Step.UNDO_STOCK, Step.UNDO_PAYMENT}


def test_recovery_is_the_least_urgent() -> None:
    assert KINDS[Step.RECOVERY].band is Band.LOW
