"""What was sent as a checkout that can be taken in: priced, frozen, with an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.ids import new_checkout_id
from pedidos_orchestrator.problems import invalid

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Asked:
    """What carts and payments alone have in common."""

    customer: Customer
    session: Session
    key: str | None
    fingerprint: str
    currency: str
    trace: str | None = None


def draft_of_payment(
    asked: Asked, amount: Decimal, currency: str | None, method: str
) -> Checkout:
    """A payment alone.

    Raises:
        ProblemError: 422, when nothing is to be paid, or in another currency than the shop's.
    """
    if amount <= ZERO:
        raise invalid("amount", "must be more than 0.00")
    if currency not in {None, asked.currency}:
        raise invalid("currency", f"must be {asked.currency}, the only one of this shop")
    return Checkout(
        id=new_checkout_id(),
        kind=Kind.PAYMENT,
        fingerprint=asked.fingerprint,
        customer=asked.customer,
        lines=(),
        subtotal=amount,
        discount=ZERO,
        total=amount,
        currency=asked.currency,
        method=method,
        key=asked.key,
        session=asked.session,
        trace=asked.trace,
    )
