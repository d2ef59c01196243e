"""The promises of checkout, each judged from the database and the providers' books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from pedidos_cli.audit.checkouts.stored import CheckoutFacts, Stored
from pedidos_cli.audit.checkouts.told import Charge, Told, mail_id
from pedidos_cli.audit.verdict import Check

SHOWN = 5
# the provider's clock and the database server's
CLOCKS_APART = timedelta(hours=1)
UNDECIDED = frozenset({"authorised", "requires_action"})
MOVED_MONEY = frozenset({"authorised", "captured", "refunded"})


def checks(stored: Stored, told: Told | None) -> Iterable[Check]:
    """All checks; those of the providers' books are not checkable without them."""
    for judge in (
        ended,
        followed,
        known,
        one_order,
        keys_once,
        refused_or_ordered,
        stock_adds_up,
        stock_is_sold,
        nothing_held,
    ):
        yield judge(stored)
    for compare in (
        charged_once,
        charges_have_orders,
        orders_have_charges,
        nothing_undecided,
        records_agree,
        messages_sent,
    ):
        check = compare(stored, told or Told((), {}, {}))
        yield check if told else check.unchecked("no address of the sandbox")


def ended(stored: Stored) -> Check:
    """Every accepted checkout has come to an end."""
    open_ones = [one.id for one in stored.checkouts.values() if not one.is_over]
    return _none("ended", "Every accepted checkout has ended", "open", open_ones)


def followed(stored: Stored) -> Check:
    """What a step's end asks for is in the ledger."""
    wrong = []
    for one in stored.checkouts.values():
        there = {f"{one.id}:{step}" for step in one.jobs}
        for job in one.jobs.values():
            lost = set(job.follow_ups) - there
            if lost or job.follow_ups_due:
                wrong.append(f"{one.id}:{job.step}")
    return _none("followed", "Every follow-up of a step is a job", "left behind", wrong)


def known(stored: Stored) -> Check:
    """No job, order or payment is of an unknown checkout."""
    return _none("known", "Everything belongs to a known checkout", "strays", stored.strays)


def one_order(stored: Stored) -> Check:
    """A checkout has one order at most, and no two orders one number."""
    twice = [one.id for one in stored.checkouts.values() if len(one.orders) > 1]
    numbers = Counter(o.number for one in stored.checkouts.values() for o in one.orders)
    twice += [number for number, count in numbers.items() if count > 1]
    return _none("one_order", "One order a checkout, one number an order", "twice", twice)


def keys_once(stored: Stored) -> Check:
    """An idempotency key stands for one checkout."""
    keys = Counter((one.kind, one.key) for one in stored.checkouts.values() if one.key)
    twice = [f"{kind} {key}" for (kind, key), count in keys.items() if count > 1]
    return _none("keys_once", "One checkout an idempotency key", "twice", twice)


def refused_or_ordered(stored: Stored) -> Check:
    """A checkout that is over came to its order (or payment), or says why it did not."""
    over = [one for one in stored.checkouts.values() if one.is_over and not one.is_forgotten]
    wrong = [one.id for one in over if not (_came_about(one) or _says_why(one))]
    well = sum(_came_about(one) for one in over)
    title = f"Each came about or says why not ({well} came about, {len(over) - well} did not)"
    return _none("refused_or_ordered", title, "neither", wrong)


def _came_about(one: CheckoutFacts) -> bool:
    return one.has_paid_alone or len(one.confirmed) == 1


def _says_why(one: CheckoutFacts) -> bool:
    return any(job.refused or job.status == "failed" for job in one.jobs.values())


def stock_adds_up(stored: Stored) -> Check:
    """Nothing below zero, and nothing appears or is lost."""
    wrong = [
        f"{s.sku} {s.available}+{s.held}+{s.sold} of {s.received}"
        for s in stored.stock
        if min(s.available, s.held, s.sold) < 0
        or (s.received is not None and s.available + s.held + s.sold != s.received)
    ]
    return _none("stock_adds_up", "Stock is never negative and adds up", "wrong", wrong)


def stock_is_sold(stored: Stored) -> Check:
    """What confirmed orders have is what was sold (or is held for their last step)."""
    wanted: Counter[str] = Counter()
    for one in stored.checkouts.values():
        if one.confirmed:
            wanted.update(one.wanted)
    for s in stored.stock:
        wanted[s.sku] += s.sold_removed
    wrong = [
        f"{s.sku} sold {s.sold}, ordered {wanted[s.sku]}"
        for s in stored.stock
        if s.sold != wanted[s.sku]
    ]
    return _none("stock_is_sold", "What was sold is what was ordered", "differ", wrong)


def nothing_held(stored: Stored) -> Check:
    """At rest nothing is held."""
    held = [f"{s.sku} {s.held}" for s in stored.stock if s.held]
    return _none("nothing_held", "No stock is held for what is over", "held", held)


def charged_once(_stored: Stored, told: Told) -> Check:
    """One charge a checkout, taken once at most."""
    references = Counter(charge.reference for charge in told.charges)
    wrong = [reference for reference, count in references.items() if count > 1]
    wrong += [charge.id for charge in told.charges if charge.captures > 1 or charge.refunds > 1]
    return _none("charged_once", "No payment was made or taken twice", "twice", wrong)


def charges_have_orders(stored: Stored, told: Told) -> Check:
    """Every charge that stands has exactly one order; any other was given back."""
    by_reference = {one.reference: one for one in stored.checkouts.values()}
    wrong = []
    kept = _kept(stored, told)
    for charge in kept:
        one = by_reference.get(charge.reference)
        due = 1 if one is not None and _came_about(one) else 0
        if charge.taken != due:
            wrong.append(f"{charge.reference} taken {charge.taken}, due {due}")
    taken = sum(charge.taken for charge in kept)
    title = f"Every charge has one order or one refund ({taken} stand)"
    return _none("charges_have_orders", title, "wrong", wrong)


def _kept(stored: Stored, told: Told) -> Sequence[Charge]:
    """Without those of a time of which checkouts were removed, where nothing is kept of them."""
    if stored.removed_before is None:
        return told.charges
    known = {one.reference for one in stored.checkouts.values()}
    until = stored.removed_before + CLOCKS_APART
    return [
        charge
        for charge in told.charges
        if charge.reference in known or charge.created is None or charge.created >= until
    ]


def orders_have_charges(stored: Stored, told: Told) -> Check:
    """Every confirmed order that was to be paid has its charge, of its amount."""
    charges = {charge.reference: charge for charge in told.charges}
    due = [one for one in stored.checkouts.values() if one.is_paid and _came_about(one)]
    wrong = [one.id for one in due if not _is_paid(one, charges.get(one.reference))]
    return _none("orders_have_charges", "Every order has its charge in full", "unpaid", wrong)


def _is_paid(one: CheckoutFacts, charge: Charge | None) -> bool:
    amounts: set[tuple[Decimal, str]] = {(one.total, one.currency)}
    amounts |= {(order.total, order.currency) for order in one.confirmed}
    return (
        charge is not None and charge.taken == 1 and amounts == {(charge.amount, charge.currency)}
    )


def nothing_undecided(stored: Stored, told: Told) -> Check:
    """No money is held for a checkout that is over."""
    over = {one.reference for one in stored.checkouts.values() if one.is_over}
    left = [c.reference for c in told.charges if c.status in UNDECIDED and c.reference in over]
    return _none("nothing_undecided", "No money is held for what is over", "held", left)


def records_agree(stored: Stored, told: Told) -> Check:
    """Our record of a payment says what the provider's says, and it has each that moved money."""
    known_as = {one.reference: one.payment for one in stored.checkouts.values()}
    wrong = [
        f"{charge.reference} {known_as.get(charge.reference)}, there {charge.status}"
        for charge in _kept(stored, told)
        if known_as.get(charge.reference) != charge.status
    ]
    there = {charge.reference for charge in told.charges}
    wrong += [
        f"{reference} {status}, unknown there"
        for reference, status in known_as.items()
        if status in MOVED_MONEY and reference not in there
    ]
    return _none("records_agree", "Our payments are as the provider has them", "differ", wrong)


def messages_sent(stored: Stored, told: Told) -> Check:
    """Every message that a step says it sent was sent, and each customer is due one.

    A step that was given up is a dead letter, which an operator sees: it counts as lost all the
    same, until it was sent again.
    """
    wrong = [
        f"{one.id}:{step}"
        for one in stored.checkouts.values()
        for step in ("confirmation", "recovery", "sms")
        if _is_lost(one, step, told)
    ]
    again = sum(count - 1 for book in (told.mails, told.messages) for count in book.values())
    title = f"No message was lost ({again} came again, under the same id)"
    return _none("messages_sent", title, "lost", wrong)


def _is_lost(one: CheckoutFacts, step: str, told: Told) -> bool:
    job = one.jobs.get(step)
    if job is None:
        return one.is_over and not one.is_forgotten and step in _messages_due(one)
    was_sent = job.skipped or _came(one, step, told)
    return job.status == "failed" or (job.status == "succeeded" and not was_sent)


def _came(one: CheckoutFacts, step: str, told: Told) -> bool:
    if step == "sms":
        return f"{one.id}:{step}" in told.messages
    return mail_id(one.id, step) in told.mails


def _messages_due(one: CheckoutFacts) -> set[str]:
    """The messages that a customer is to have, as a checkout ended; a payment alone has none."""
    if one.kind != "checkout":
        return set()
    if not one.confirmed:
        return {"recovery"}
    return {"confirmation"} if one.phone is None else {"confirmation", "sms"}


def _none(key: str, title: str, what: str, wrong: Sequence[str]) -> Check:
    found = f"{len(wrong)} {what}"
    if wrong:
        found += ": " + ", ".join(sorted(wrong)[:SHOWN])
    return Check(key, title, f"0 {what}", found, not wrong)
