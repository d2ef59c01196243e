"""Orders placed live, kept apart from those of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pedidos_checkout.domain.checkouts import ID_PREFIX, Checkout, Customer, Line

NOTHING = Decimal("0.00")
ORDER_PREFIX = "ord_"
# without I, L, O and U: nobody reads them for 1, 1, 0 and V
READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_CHARACTERS = 8


class PlacedStatus(StrEnum):
    """Where an order stands; it is the customer's once it is confirmed."""

    AWAITING_PAYMENT = "awaiting_payment"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order of one checkout; `number` is what people call it by.

    `total` is what is left of the lines after what `discount_code` took off.
    """

    id: str
    number: str
    checkout_id: str
    customer: Customer
    lines: Sequence[Line]
    total: Decimal
    currency: str
    discount_code: str | None = None
    status: PlacedStatus = PlacedStatus.AWAITING_PAYMENT
    created_at: datetime | None = None
    confirmed_at: datetime | None = None

    @property
    def subtotal(self) -> Decimal:
        """What all lines cost."""
        return sum((line.total for line in self.lines), NOTHING)

    @property
    def discount(self) -> Decimal:
        """What was taken off."""
        return self.subtotal - self.total


def order_id_of(checkout_id: str) -> str:
    """The id of the one order that a checkout can have."""
    return ORDER_PREFIX + checkout_id.removeprefix(ID_PREFIX)


def order_number(checkout_id: str, attempt: int = 0) -> str:
    """What people call a checkout's order by, as `PD-7K3M-9Q2X`: 40 bits of the id's hash.

    Two of a million orders may well have the same one; the next `attempt` gives another.
    """
    digest = hashlib.sha256(f"{checkout_id}:{attempt}".encode()).digest()
    bits = int.from_bytes(digest[:5], "big")
    text = "".join(READABLE[bits >> 5 * n & 31] for n in range(NUMBER_CHARACTERS))
    return f"PD-{text[:4]}-{text[4:]}"


def order_of(checkout: Checkout) -> PlacedOrder:
    """The order that a checkout becomes; it waits for its payment."""
    return PlacedOrder(
        id=order_id_of(checkout.id),
        number=order_number(checkout.id),
        checkout_id=checkout.id,
        customer=checkout.customer,
        lines=checkout.lines,
        total=checkout.total,
        currency=checkout.currency,
        discount_code=checkout.discount_code,
    )
