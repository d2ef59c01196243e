"""Each promise of checkout, broken once: the audit names it, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pedidos_cli.audit.checkouts.audit import verdict_of
from pedidos_cli.audit.checkouts.checks import checks
from pedidos_cli.audit.checkouts.stored import (
    CheckoutFacts,
    JobFacts,
    OrderFacts,
    StockFacts,
    Stored,
)
from pedidos_cli.audit.checkouts.told import Charge, Told, mail_id

World = tuple[Stored, Told]
TOTAL = Decimal("20.00")


def job(step: str, status: str = "succeeded", **other: Any) -> JobFacts:
    given = {"refused": None, "error": None, "follow_ups_due": False, "follow_ups": (), **other}
    return JobFacts(step, status, **given)


def checkout(name: str, jobs: Iterable[JobFacts], **other: Any) -> CheckoutFacts:
    given = {
        "kind": "checkout",
        "key": name,
        "total": TOTAL,
        "currency": "EUR",
        "is_paid": True,
        "phone": "+351",
        "wanted": {"cup": 2},
        **other,
    }
    return CheckoutFacts(f"co_{name}", jobs={one.step: one for one in jobs}, **given)


WELL = checkout(
    "well",
    [
        job("payment", follow_ups=("co_well:capture",)),
        *(job(step) for step in ("capture", "inventory", "confirmation", "sms")),
    ],
    orders=(OrderFacts("PD-1", "confirmed", TOTAL, "EUR"),),
    payment="captured",
)
DECLINED = checkout(
    "declined", [job("payment", refused="card_declined"), job("recovery")], payment="declined"
)
GIVEN_BACK = checkout(
    "back",
    [
        *(job("payment"), job("capture", "failed", error="gone")),
        *(job("undo-payment"), job("recovery")),
    ],
    orders=(OrderFacts("PD-2", "cancelled", TOTAL, "EUR"),),
    payment="refunded",
)
ALONE = checkout(
    "alone", [job("payment"), job("capture")], kind="payment", wanted={}, payment="captured"
)
PEOPLE = {one.id: one for one in (WELL, DECLINED, GIVEN_BACK, ALONE)}


def charge(name: str, status: str, captures: int = 0, refunds: int = 0) -> Charge:
    return Charge(f"ch_{name}", f"pay_{name}", status, TOTAL, "EUR", captures, refunds)


CHARGES = (
    charge("well", "captured", 1),
    charge("declined", "declined"),
    charge("back", "refunded", 1, 1),
    charge("alone", "captured", 1),
)
MAILS = {
    mail_id("co_well", "confirmation"): 1,
    mail_id("co_declined", "recovery"): 1,
    mail_id("co_back", "recovery"): 1,
}
STOCK = StockFacts("cup", available=8, held=0, sold=2, received=10)
GOOD: World = (Stored(PEOPLE, [STOCK], ()), Told(CHARGES, MAILS, {"co_well:sms": 2}))


def with_checkout(one: CheckoutFacts) -> World:
    return replace(GOOD[0], checkouts={**PEOPLE, one.id: one}), GOOD[1]


def with_job(one: JobFacts) -> World:
    return with_checkout(replace(WELL, jobs={**WELL.jobs, one.step: one}))


def with_stock(**other: Any) -> World:
    return replace(GOOD[0], stock=[replace(STOCK, **other)]), GOOD[1]


def with_charge(one: Charge) -> World:
    kept = [other for other in CHARGES if other.id != one.id]
    return GOOD[0], replace(GOOD[1], charges=(*kept, one))


BROKEN: dict[str, tuple[Callable[[], World], set[str]]] = {
    "a job is open": (lambda: with_job(job("sms", "retrying")), {"ended"}),
    "a checkout never began": (
        lambda: with_checkout(checkout("new", [], is_paid=False, wanted={})),
        {"ended"},
    ),
    "follow-ups are due": (lambda: with_job(job("inventory", follow_ups_due=True)), {"followed"}),
    "a follow-up is lost": (
        lambda: with_job(job("inventory", follow_ups=("co_well:undo-order",))),
        {"followed"},
    ),
    "an order of nobody": (lambda: (replace(GOOD[0], strays=("co_x",)), GOOD[1]), {"known"}),
    "two orders": (
        lambda: with_checkout(
            replace(WELL, orders=(*WELL.orders, OrderFacts("PD-9", "cancelled", TOTAL, "EUR")))
        ),
        {"one_order"},
    ),
    "one key twice": (
        lambda: with_checkout(replace(DECLINED, id="co_twin", key="well", jobs=DECLINED.jobs)),
        {"keys_once", "messages_sent"},
    ),
    "neither order nor reason": (
        lambda: with_checkout(replace(DECLINED, jobs={"recovery": job("recovery")})),
        {"refused_or_ordered"},
    ),
    "stock below zero": (
        lambda: with_stock(available=-1, received=1),
        {"stock_adds_up"},
    ),
    "stock is lost": (lambda: with_stock(available=7), {"stock_adds_up"}),
    "sold and not ordered": (
        lambda: with_stock(sold=3, available=7),
        {"stock_is_sold"},
    ),
    "held at rest": (lambda: with_stock(held=1, available=7), {"nothing_held"}),
    "two charges": (
        lambda: (
            GOOD[0],
            replace(GOOD[1], charges=(*CHARGES, replace(CHARGES[1], id="ch_second"))),
        ),
        {"charged_once"},
    ),
    "taken twice": (
        lambda: with_charge(charge("well", "captured", 2)),
        {"charged_once", "charges_have_orders", "orders_have_charges"},
    ),
    "a charge without an order": (
        lambda: with_charge(charge("declined", "captured", 1)),
        {"charges_have_orders", "records_agree"},
    ),
    "an order without a charge": (
        lambda: with_charge(charge("well", "voided")),
        {"charges_have_orders", "orders_have_charges", "records_agree"},
    ),
    "too little taken": (
        lambda: with_charge(replace(CHARGES[0], amount=Decimal("19.99"))),
        {"orders_have_charges"},
    ),
    "the provider never heard of a payment": (
        lambda: (GOOD[0], replace(GOOD[1], charges=CHARGES[1:])),
        {"orders_have_charges", "records_agree"},
    ),
    "money held for ever": (
        lambda: with_charge(charge("declined", "authorised")),
        {"nothing_undecided", "records_agree"},
    ),
    "another record": (
        lambda: with_checkout(replace(DECLINED, payment="new")),
        {"records_agree"},
    ),
    "a mail is lost": (lambda: (GOOD[0], replace(GOOD[1], mails={})), {"messages_sent"}),
    "no mail was asked for": (
        lambda: with_checkout(
            replace(WELL, jobs={k: v for k, v in WELL.jobs.items() if k != "confirmation"})
        ),
        {"messages_sent"},
    ),
    "no text message was asked for": (
        lambda: with_checkout(
            replace(WELL, jobs={k: v for k, v in WELL.jobs.items() if k != "sms"})
        ),
        {"messages_sent"},
    ),
    "nobody told the customer that it did not come about": (
        lambda: with_checkout(
            replace(DECLINED, jobs={"payment": job("payment", refused="card_declined")})
        ),
        {"messages_sent"},
    ),
    "a message was given up": (
        lambda: with_job(job("sms", "failed", error="no answer")),
        {"messages_sent"},
    ),
}


def failed(world: World) -> set[str]:
    return {check.key for check in checks(*world) if check.passed is False}


def test_a_good_world_passes_every_check() -> None:
    assert failed(GOOD) == set()
    assert all(check.passed for check in checks(*GOOD))


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named(what: str) -> None:
    make, expected = BROKEN[what]
    assert failed(make()) == expected


def test_every_check_is_broken_by_something() -> None:
    known = {check.key for check in checks(*GOOD)}
    assert known == set().union(*(expected for _make, expected in BROKEN.values()))


def test_without_the_providers_books_their_checks_are_not_checkable() -> None:
    unchecked = {check.key for check in checks(GOOD[0], None) if check.passed is None}
    assert {"charged_once", "charges_have_orders", "messages_sent"} <= unchecked
    assert not any(check.passed is False for check in checks(GOOD[0], None))


def test_where_nothing_was_ordered_there_is_nothing_to_audit() -> None:
    shelf = StockFacts("cup", available=5, held=0, sold=0, received=5)
    nothing = verdict_of(Stored({}, [shelf], ()), Told((), {}, {}))
    assert (nothing.passed, nothing.failed) == (False, ())
    assert nothing.headline().startswith("Nothing to audit of 0 checkouts: nothing was ordered")
    wrong = verdict_of(Stored({}, [replace(shelf, available=4)], ()), None)
    assert (wrong.passed, wrong.failed) == (False, ("stock_adds_up",))
    # what was sold is still of somebody
    sold = verdict_of(Stored({}, [replace(shelf, available=4, sold=1)], ()), None)
    assert sold.failed == ("stock_is_sold",)


LATER = datetime(2026, 3, 1, tzinfo=UTC)


def removed(*names: str, before: datetime = LATER) -> Stored:
    """The good world, of which retention removed some."""
    left = {key: one for key, one in PEOPLE.items() if key.removeprefix("co_") not in names}
    return replace(GOOD[0], checkouts=left, removed_before=before)


def failures(stored: Stored, told: Told) -> set[str]:
    return {check.key for check in checks(stored, told) if check.passed is False}


def test_what_retention_removed_is_not_missed() -> None:
    stock = [replace(STOCK, sold_removed=2)]
    charges = tuple(replace(one, created=LATER - timedelta(days=1)) for one in CHARGES)
    stored = replace(removed("well", "declined", "back", "alone"), stock=stock)
    assert failures(stored, replace(GOOD[1], charges=charges)) == set()


def test_a_charge_of_a_time_that_is_kept_is_missed() -> None:
    charges = tuple(replace(one, created=LATER + timedelta(hours=2)) for one in CHARGES)
    told = replace(GOOD[1], charges=charges)
    assert failures(removed("alone"), told) == {"charges_have_orders", "records_agree"}


def test_sales_that_no_removal_explains_are_wrong() -> None:
    charges = tuple(replace(one, created=LATER) for one in CHARGES)
    told = replace(GOOD[1], charges=charges)
    assert failures(removed("well"), told) == {"stock_is_sold"}


def test_jobs_that_retention_removed_are_not_missed() -> None:
    people = {key: replace(one, jobs={}, is_old=True) for key, one in PEOPLE.items()}
    assert failures(replace(GOOD[0], checkouts=people), GOOD[1]) == set()
    last = replace(WELL, jobs={"sms": WELL.jobs["sms"]}, is_old=True)
    assert failures(*with_checkout(last)) == set()


def test_an_open_job_of_an_old_checkout_is_seen() -> None:
    undo = job("undo-payment", "retrying")
    back = replace(GIVEN_BACK, jobs={"undo-payment": undo}, is_old=True)
    assert failures(*with_checkout(back)) == {"ended"}


def test_without_its_jobs_a_young_checkout_has_not_ended() -> None:
    assert "ended" in failures(*with_checkout(replace(WELL, jobs={})))
