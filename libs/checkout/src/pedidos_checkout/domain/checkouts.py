"""A checkout as it was accepted: frozen, so that every step sees the same cart and prices."""

from __future__ import annotations

from base64 import b32encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pedidos_common.domain.orders import Priority, Tier, priority_of

ID_PREFIX = "co_"
PAYMENT_PREFIX = "pay_"
ID_BYTES = 16


class Kind(StrEnum):
    """What was asked for: an order with its payment, or a payment alone."""

    CHECKOUT = "checkout"
    PAYMENT = "payment"


class Mode(StrEnum):
    """Who works at it: the queues' workers, or whoever accepted it."""

    ASYNC = "async"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Customer:
    """Who orders, as the shop says it."""

    id: str
    name: str
    email: str
    phone: str | None = None
    tier: Tier = Tier.BRONZE

    @property
    def priority(self) -> Priority:
        """Follows from the tier."""
        return priority_of(self.tier)


@dataclass(frozen=True, slots=True)
class Line:
    """One product of a cart with its price when it was accepted; money has two decimals."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal

    @property
    def total(self) -> Decimal:
        """Of the whole line."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Session:
    """From where it was placed."""

    id: str | None = None
    user_agent: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was accepted; `id` is unguessable, `created_at` the database server's.

    `key` is the caller's idempotency key and `fingerprint` what it stands for. `method` is the
    payment provider's token of how the customer pays; None where nothing is to be paid. `reply`
    is what a synchronous checkout answered. `reference` is the caller's own words for what it is
    for, and may name somebody. `is_begun` says that its first job was seen in the
    ledger.
    """

    id: str
    kind: Kind
    fingerprint: str
    customer: Customer
    lines: Sequence[Line]
    subtotal: Decimal
    discount: Decimal
    total: Decimal
    currency: str
    method: str | None = None
    discount_code: str | None = None
    key: str | None = None
    mode: Mode = Mode.ASYNC
    session: Session = field(default_factory=Session)
    created_at: datetime | None = None
    reply: Mapping[str, Any] | None = None
    trace: str | None = None
    is_begun: bool = False
    reference: str | None = None

    @property
    def payment_id(self) -> str:
        """What the payment provider knows it by."""
        return PAYMENT_PREFIX + self.id.removeprefix(ID_PREFIX)

    @property
    def is_paid(self) -> bool:
        """Whether a payment belongs to it."""
        return self.method is not None


def checkout_id(random: bytes) -> str:
    """The id that is made of `ID_BYTES` random bytes: 26 characters of base32 behind its prefix.

    Raises:
        ValueError: when there are more or fewer bytes.
    """
    if len(random) != ID_BYTES:
        raise ValueError(f"an id is made of {ID_BYTES} random bytes, not of {len(random)}")
    return ID_PREFIX + b32encode(random).decode().rstrip("=").lower()


def quantities(lines: Sequence[Line]) -> Mapping[str, int]:
    """How much of each product the lines hold, by sku: whoever changes stock goes in this order."""
    total: Counter[str] = Counter()
    for line in lines:
        total[line.sku] += line.quantity
    return dict(sorted(total.items()))


def is_checkout(scope: str) -> bool:
    """Whether a job's scope is a checkout."""
    return scope.startswith(ID_PREFIX)
