"""A payment's states as we know them, from answers and from webhooks in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class PaymentStatus(StrEnum):
    """Where a payment stands at its provider."""

    NEW = "new"  # asked for, and no answer known
    REQUIRES_ACTION = "requires_action"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


S = PaymentStatus
LATER: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    S.NEW: frozenset(S) - {S.NEW},
    S.REQUIRES_ACTION: frozenset({S.AUTHORISED, S.CAPTURED, S.DECLINED, S.VOIDED, S.REFUNDED}),
    S.AUTHORISED: frozenset({S.CAPTURED, S.DECLINED, S.VOIDED, S.REFUNDED}),
    S.CAPTURED: frozenset({S.REFUNDED}),
    S.DECLINED: frozenset(),
    S.VOIDED: frozenset(),
    S.REFUNDED: frozenset(),
}


def follows(known: PaymentStatus, told: PaymentStatus) -> bool:
    """Whether `told` is news: later in a payment's life than what is known."""
    return told in LATER[known]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment of ours; `id` is the provider's reference, `provider_id` its own id there."""

    id: str
    checkout_id: str
    amount: Decimal
    currency: str
    status: PaymentStatus = PaymentStatus.NEW
    provider_id: str | None = None
    decline_code: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider tells of it; `reference` is our payment's id."""

    id: str
    reference: str
    amount: Decimal
    currency: str
    status: PaymentStatus
    decline_code: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A webhook whose signature holds; `id` is the same for each time that it is sent."""

    id: str
    payment: ProviderPayment
