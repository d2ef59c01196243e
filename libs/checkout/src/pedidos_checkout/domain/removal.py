"""Which checkouts may be removed once their time is over, and what is noted of those that are.

Only what is final goes, and what tells one story: a checkout whose order, payment and jobs
contradict each other is kept, however old it is, for whoever has to look at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pedidos_checkout.domain.checkouts import Checkout, Kind, quantities
from pedidos_checkout.domain.payments import Payment, PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_checkout.domain.reconciliation import is_over
from pedidos_common.domain.jobs import Job

UNDECIDED = frozenset({PaymentStatus.REQUIRES_ACTION, PaymentStatus.AUTHORISED})


@dataclass(frozen=True, slots=True)
class Removal:
    """Checkouts that are removed together; `sold` is what their orders had bought, by sku."""

    checkout_ids: Sequence[str] = ()
    sold: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Removed:
    """How far retention came.

    `number` counts removals. Of nothing that happened since `before` anything was removed; None
    where nothing ever was. `under_way` was begun and is not known to be done: what is left of its
    checkouts counts as gone.
    """

    number: int = 0
    before: datetime | None = None
    under_way: Removal | None = None


def may_go(
    checkout: Checkout,
    jobs: Sequence[Job],
    payment: Payment | None,
    order: PlacedOrder | None,
    before: datetime,
) -> bool:
    """Whether all of it ended before a time; that it holds no stock is the caller's to know."""
    if not checkout.is_begun or not is_over(checkout, jobs):
        return False
    if not _tells_one_story(checkout, payment, order):
        return False
    return all(at < before for at in _moments(checkout, jobs, payment, order))


def removal_of(checkouts: Sequence[Checkout], orders: Mapping[str, PlacedOrder]) -> Removal:
    """The removal of these, of which `orders` are the orders."""
    sold: Counter[str] = Counter()
    for checkout in checkouts:
        if _is_confirmed(orders.get(checkout.id)):
            sold.update(quantities(checkout.lines))
    return Removal(tuple(one.id for one in checkouts), dict(sold))


def _tells_one_story(
    checkout: Checkout, payment: Payment | None, order: PlacedOrder | None
) -> bool:
    """As the reconciliation would judge it, had the provider the same as our record."""
    if order is not None and order.status is PlacedStatus.AWAITING_PAYMENT:
        return False
    if payment is None:
        return not (checkout.is_paid and _is_confirmed(order))
    if payment.status in UNDECIDED:
        return False
    is_due = _is_confirmed(order) or checkout.kind is Kind.PAYMENT
    is_taken = payment.status is PaymentStatus.CAPTURED
    return is_due if is_taken else not _is_confirmed(order)


def _is_confirmed(order: PlacedOrder | None) -> bool:
    return order is not None and order.status is PlacedStatus.CONFIRMED


def _moments(
    checkout: Checkout,
    jobs: Sequence[Job],
    payment: Payment | None,
    order: PlacedOrder | None,
) -> Sequence[datetime]:
    """When anything of it happened, as far as that is stored."""
    moments = [checkout.created_at, *(job.settled_at for job in jobs)]
    if payment is not None:
        moments += [payment.created_at, payment.updated_at]
    if order is not None:
        moments += [order.created_at, order.confirmed_at]
    return [at for at in moments if at is not None]
