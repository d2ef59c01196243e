"""What may differ between the payment provider, our records, orders and stock, and what is done.

A payment whose checkout still goes on is in nobody's wrong: it is judged once nothing moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pedidos_checkout.domain import flow
from pedidos_checkout.domain.checkouts import Checkout, Kind
from pedidos_checkout.domain.payments import Payment, PaymentStatus, ProviderPayment, follows
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_checkout.domain.status import ending_of
from pedidos_checkout.domain.steps import RECONCILE, Step, step_of
from pedidos_common.domain.jobs import FINAL, Job, NewJob

MOST_LISTED = 200
ID_HEAD = "reconcile:"


class Difference(StrEnum):
    """What differs."""

    RECORD_BEHIND = "record_behind"  # the provider tells something that we had not noted
    RECORD_AHEAD = "record_ahead"  # we have noted what the provider does not know of
    AMOUNT = "amount"
    UNKNOWN_PAYMENT = "unknown_payment"  # it holds money, and no checkout is its own
    NOT_AT_PROVIDER = "not_at_provider"
    SECOND_CHARGE = "second_charge"  # beside the one that our record is of
    CAPTURED_WITHOUT_ORDER = "captured_without_order"
    LEFT_AUTHORISED = "left_authorised"
    ORDER_WITHOUT_MONEY = "order_without_money"
    HOLD_LEFT = "hold_left"
    SALE_LEFT = "sale_left"  # the order is confirmed, and what it sold is still held
    UNKNOWN_HOLD = "unknown_hold"
    STOCK_SUM = "stock_sum"


class Repair(StrEnum):
    """What was done about it; where nothing was, it is for people to look at."""

    NOTED = "noted"
    REFUND = "refund"  # the job that gives the money back was created
    GIVEN_BACK = "given_back"  # it was voided or refunded
    RELEASED = "released"
    SALE = "sale"  # the job that sells what is held was created
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference; `about` is the id of the payment, checkout or product."""

    kind: Difference
    about: str
    detail: str
    repair: Repair = Repair.NONE


@dataclass(frozen=True, slots=True)
class Report:
    """What one reconciliation saw and found.

    `counts` is whole, `left` are those of them about which nothing was done, both by kind; of
    `found` the first are kept. `complete` says that it came to the end of
    what it was to compare; the next one goes on where this one ended.
    """

    id: str
    started_at: datetime
    seen: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    repairs: Mapping[str, int] = field(default_factory=dict)
    found: Sequence[Found] = ()
    complete: bool = False
    finished_at: datetime | None = None
    left: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand by what was compared last, for who watches.

    `counts` and `left` are those of the newest report, `completed_at` is when the last one ended
    that came to the end of what it was to compare; None before the first.
    """

    completed_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)


class Findings:
    """Collects what is found; as many as a report lists, and the count of all."""

    def __init__(self, before: Report | None = None) -> None:
        """Go on from a report that was not finished, where there is one."""
        self.seen = Counter(before.seen if before else {})
        self._counts = Counter(before.counts if before else {})
        self._repairs = Counter(before.repairs if before else {})
        self._left = Counter(before.left if before else {})
        self._found = list(before.found if before else [])

    def add(self, found: Found) -> None:
        """Count it, and list it where there is room; what is listed already is no other one."""
        if found in self._found:
            return
        self._counts[found.kind.value] += 1
        self._repairs[found.repair.value] += 1
        if found.repair is Repair.NONE:
            self._left[found.kind.value] += 1
        if len(self._found) < MOST_LISTED:
            self._found.append(found)

    def report(self, report_id: str, started_at: datetime, *, complete: bool) -> Report:
        """What was found so far."""
        return Report(
            id=report_id,
            started_at=started_at,
            seen=dict(self.seen),
            counts=dict(self._counts),
            repairs=dict(self._repairs),
            found=tuple(self._found),
            complete=complete,
            left=dict(self._left),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """Where to go on: cursors of the provider's list, of our products, of payments it has not.

    Everything before `anchor` is compared for good; a pass that was not finished goes on at
    `position`.
    """

    anchor: str | None = None
    position: str | None = None
    stock_after: str | None = None
    others_after: str | None = None


def reconcile_job(now: datetime, every_minutes: int) -> NewJob:
    """The job of the slot of time that `now` is in: the same however many ask for it."""
    minutes = int(now.timestamp() // 60)
    slot = now - timedelta(
        minutes=minutes % every_minutes, seconds=now.second, microseconds=now.microsecond
    )
    return _job(f"{slot:%Y%m%dT%H%M}")


def reconcile_job_now(now: datetime) -> NewJob:
    """A job beside the regular ones, the same for all who ask within a second."""
    return _job(f"{now:%Y%m%dT%H%M%S}-asked")


def _job(name: str) -> NewJob:
    return NewJob(
        id=f"{ID_HEAD}{name}",
        function=RECONCILE.function,
        queue=RECONCILE.queue,
        band=RECONCILE.band,
        payload={},
    )


HOLDING = frozenset(
    {PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORISED, PaymentStatus.CAPTURED}
)


def is_over(checkout: Checkout, jobs: Iterable[Job]) -> bool:
    """Whether nothing will happen to the checkout any more by itself.

    A job that is final leads on until what follows from it is there.
    """
    known = {step: job for job in jobs if (step := step_of(job.id)) is not None}
    for step, job in known.items():
        ending = ending_of(job)
        if job.status not in FINAL or ending is None:
            return False
        if any(due not in known for due in flow.next_steps(checkout, step, ending)):
            return False
    return True


def differences(
    told: ProviderPayment,
    known: Payment | None,
    checkout: Checkout | None,
    order: PlacedOrder | None,
) -> Sequence[Difference]:
    """What differs about a payment that the provider tells of, if its checkout is over."""
    if checkout is None:
        return [Difference.UNKNOWN_PAYMENT] if told.status in HOLDING else []
    if (told.amount, told.currency) != (checkout.total, checkout.currency):
        return [Difference.AMOUNT]
    if known is not None and known.provider_id not in {None, told.id}:
        return [Difference.SECOND_CHARGE] if told.status in HOLDING else []
    found = []
    if known is None or follows(known.status, told.status):
        found.append(Difference.RECORD_BEHIND)
    elif known.status is not told.status:
        return [Difference.RECORD_AHEAD]
    of_money = _of_money(told, checkout, order)
    return [*found, of_money] if of_money else found


def _of_money(
    told: ProviderPayment, checkout: Checkout, order: PlacedOrder | None
) -> Difference | None:
    is_confirmed = order is not None and order.status is PlacedStatus.CONFIRMED
    is_captured = told.status is PaymentStatus.CAPTURED
    if is_confirmed:
        return None if is_captured else Difference.ORDER_WITHOUT_MONEY
    if is_captured:
        return Difference.CAPTURED_WITHOUT_ORDER if checkout.kind is Kind.CHECKOUT else None
    return Difference.LEFT_AUTHORISED if told.status in HOLDING else None


def is_nobodys(
    checkout: Checkout, order: PlacedOrder | None, first: ProviderPayment | None
) -> bool:
    """Whether a second charge pays for nothing: the `first` one was taken, or no order is there.

    Where the order stands and the first one does not, the second may be what pays for it.
    """
    if first is not None and first.status is PaymentStatus.CAPTURED:
        return True
    is_confirmed = order is not None and order.status is PlacedStatus.CONFIRMED
    return checkout.kind is Kind.CHECKOUT and not is_confirmed


def undoing(checkout: Checkout, jobs: Iterable[Job]) -> Sequence[Step]:
    """The steps that give everything back and tell the customer; none where the money's was done.

    Where that did not help, doing it again would not either.
    """
    known = {step_of(job.id) for job in jobs}
    if Step.UNDO_PAYMENT in known:
        return []
    return [step for step in flow.UNDO_ALL if flow.belongs(checkout, step) and step not in known]
