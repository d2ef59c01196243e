"""A payment's life at the provider: one table, and `advance` its only reader.

Pure: no clock, no I/O. Amounts are in minor units (cents).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pedidos_sandbox.clock import iso


class PaymentStatus(StrEnum):
    """Where a payment stands; money is only held by `authorised` and taken by `captured`."""

    REQUIRES_ACTION = "requires_action"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


class PaymentTrigger(StrEnum):
    """What can happen to a payment."""

    AUTHORISE = "authorise"
    CHALLENGE = "challenge"
    DECLINE = "decline"
    AUTHENTICATE = "authenticate"
    CAPTURE = "capture"
    DECLINE_CAPTURE = "decline_capture"
    VOID = "void"
    REFUND = "refund"


S, T = PaymentStatus, PaymentTrigger
TRANSITIONS: Mapping[tuple[PaymentStatus | None, PaymentTrigger], PaymentStatus] = {
    (None, T.AUTHORISE): S.AUTHORISED,  # the card's bank holds the amount
    (None, T.CHALLENGE): S.REQUIRES_ACTION,  # the customer has to confirm it first
    (None, T.DECLINE): S.DECLINED,  # the card's bank says no
    (S.REQUIRES_ACTION, T.AUTHENTICATE): S.AUTHORISED,  # the customer confirmed it
    (S.REQUIRES_ACTION, T.VOID): S.VOIDED,  # the shop does not wait for the customer any more
    (S.AUTHORISED, T.CAPTURE): S.CAPTURED,  # the money moves
    (S.AUTHORISED, T.DECLINE_CAPTURE): S.AUTHORISED,  # it does not, and stays held until a void
    (S.AUTHORISED, T.VOID): S.VOIDED,  # the hold ends
    (S.CAPTURED, T.REFUND): S.REFUNDED,  # the money moves back
}


class InvalidState(Exception):
    """What was asked for does not fit where the payment stands (`status`)."""

    def __init__(self, status: PaymentStatus | None, trigger: PaymentTrigger) -> None:
        super().__init__(f"a payment that is {status} can't {trigger}")
        self.status = status


def advance(status: PaymentStatus | None, trigger: PaymentTrigger) -> PaymentStatus:
    """The status that follows, None before the first; the only reader of `TRANSITIONS`.

    Raises:
        InvalidState: when the table has no such row.
    """
    try:
        return TRANSITIONS[status, trigger]
    except KeyError:
        raise InvalidState(status, trigger) from None


@dataclass(frozen=True, slots=True)
class Method:
    """How a payment with one token goes.

    Attributes:
        first: what happens when it is created.
        confirmed: whether the customer confirms it after a while, where that is asked for.
        captures: whether a capture goes through.
    """

    first: PaymentTrigger
    confirmed: bool = False
    captures: bool = True


CARD_DECLINED = "card_declined"
METHODS: Mapping[str, Method] = {
    "tok_ok": Method(T.AUTHORISE),
    "tok_declined": Method(T.DECLINE),
    "tok_action": Method(T.CHALLENGE, confirmed=True),
    "tok_leaves": Method(T.CHALLENGE),
    "tok_capture_declined": Method(T.AUTHORISE, captures=False),
}


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """Something that happened to a payment, by the request that had that idempotency key."""

    at: datetime
    trigger: PaymentTrigger
    status: PaymentStatus
    key: str | None

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it."""
        return {
            "at": iso(self.at),
            "event": self.trigger,
            "status": self.status,
            "idempotency_key": self.key,
        }


@dataclass(slots=True)
class Payment:
    """One payment with all that happened to it; `apply` alone changes it."""

    id: str
    reference: str
    amount: int
    currency: str
    method: str
    created: datetime
    updated: datetime
    status: PaymentStatus | None = None
    decline_code: str | None = None
    history: list[PaymentEvent] = field(default_factory=list)

    def apply(self, trigger: PaymentTrigger, at: datetime, key: str | None) -> bool:
        """Let it happen; whether the status is another one than before.

        Raises:
            InvalidState: when it can't happen; nothing has changed then.
        """
        before, self.status = self.status, advance(self.status, trigger)
        self.updated = at
        self.history.append(PaymentEvent(at, trigger, self.status, key))
        if trigger in {T.DECLINE, T.DECLINE_CAPTURE}:
            self.decline_code = CARD_DECLINED
        return self.status is not before

    def shown(self) -> dict[str, Any]:
        """As the provider's API and its webhooks show it."""
        fields = {
            "id": self.id,
            "reference": self.reference,
            "amount": self.amount,
            "currency": self.currency,
            "method": self.method,
            "status": self.status,
            "created": iso(self.created),
            "updated": iso(self.updated),
        }
        return fields | ({"decline_code": self.decline_code} if self.decline_code else {})

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it: with everything that happened."""
        return {**self.shown(), "history": [event.audited() for event in self.history]}
