"""Orders placed live, kept apart from those of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pedidos_checkout.domain.checkouts import Customer, Line


class PlacedStatus(StrEnum):
    """Where an order stands; it is the customer's once it is confirmed."""

    AWAITING_PAYMENT = "awaiting_payment"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order of one checkout; `number` is what people call it by."""

    id: str
    number: str
    checkout_id: str
    customer: Customer
    lines: Sequence[Line]
    total: Decimal
    currency: str
    status: PlacedStatus = PlacedStatus.AWAITING_PAYMENT
    created_at: datetime | None = None
    confirmed_at: datetime | None = None
