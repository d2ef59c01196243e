"""The payment provider: what it does with payments, apart from HTTP and from faults."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pedidos_sandbox.answers import Refused
from pedidos_sandbox.clock import now
from pedidos_sandbox.pages import Pages
from pedidos_sandbox.payments import (
    CARD_DECLINED,
    METHODS,
    InvalidState,
    Payment,
    PaymentStatus,
    PaymentTrigger,
)


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What a shop asks for; `amount` is in minor units, `method` one of `METHODS`."""

    reference: str
    amount: int
    currency: str
    method: str


class Provider:
    """All payments there are, at most `limit`; `tell` hears of each that has a new status.

    A payment that the customer has to confirm is confirmed `action_seconds` later, where its
    token says so.
    """

    def __init__(
        self, limit: int, action_seconds: float, tell: Callable[[str, Payment], None]
    ) -> None:
        self.action_seconds = action_seconds
        self._tell = tell
        self._pages: Pages[Payment] = Pages("payments", limit)
        self._by_id: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        self._confirming: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._pages)

    def by_status(self) -> Mapping[str, int]:
        """How many payments stand where."""
        counts = dict.fromkeys(PaymentStatus, 0)
        for payment in self._pages:
            if payment.status is not None:
                counts[payment.status] += 1
        return {str(status): count for status, count in counts.items()}

    def authorise(self, order: PaymentOrder, key: str) -> Payment:
        """A new payment, in the state that its method leads to.

        Raises:
            Refused: where the method is unknown.
            LedgerFull: where there is no room for it.
        """
        method = METHODS.get(order.method)
        if method is None:
            raise _refused_method(order.method)
        self._pages.check_room()
        at = now()
        payment = Payment(
            f"ch_{secrets.token_hex(12)}",
            order.reference,
            order.amount,
            order.currency,
            order.method,
            at,
            at,
        )
        self._keep(payment)
        self._apply(payment, method.first, key)
        if method.confirmed:
            later = asyncio.get_running_loop().call_later
            self._confirming[payment.id] = later(self.action_seconds, self._confirm, payment)
        return payment

    def capture(self, payment: Payment, key: str) -> Payment:
        """Take the money.

        Raises:
            Refused: 402 where the bank says no then, 409 where the state does not allow it.
        """
        if METHODS[payment.method].captures:
            return self._apply(payment, PaymentTrigger.CAPTURE, key)
        self._apply(payment, PaymentTrigger.DECLINE_CAPTURE, key)
        raise Refused(
            HTTPStatus.PAYMENT_REQUIRED,
            CARD_DECLINED,
            f"the bank did not let payment {payment.id} be captured; what it holds ends by a void",
        )

    def void(self, payment: Payment, key: str) -> Payment:
        """Let go of what is held; errors as `capture`, but for 402."""
        self._apply(payment, PaymentTrigger.VOID, key)
        self._confirmed(payment)
        return payment

    def refund(self, payment: Payment, key: str) -> Payment:
        """Give back what was taken; errors as `capture`, but for 402."""
        return self._apply(payment, PaymentTrigger.REFUND, key)

    def payment(self, payment_id: str) -> Payment:
        """The payment of that id.

        Raises:
            Refused: 404 where there is none.
        """
        try:
            return self._by_id[payment_id]
        except KeyError:
            raise Refused(
                HTTPStatus.NOT_FOUND, "not_found", f"there is no payment {payment_id}"
            ) from None

    def of_reference(self, reference: str) -> Sequence[Payment]:
        """The payments that a shop gave that reference, oldest first."""
        return self._by_reference.get(reference, ())

    def page(self, after: int, size: int) -> tuple[Sequence[Payment], str | None]:
        """One page of all payments; as `Pages.page`."""
        return self._pages.page(after, size)

    def reset(self) -> None:
        """Forget all payments, and whom customers would still have confirmed."""
        for handle in self._confirming.values():
            handle.cancel()
        for kept in (self._confirming, self._by_id, self._by_reference, self._pages):
            kept.clear()

    def _keep(self, payment: Payment) -> None:
        self._pages.append(payment)
        self._by_id[payment.id] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)

    def _apply(self, payment: Payment, trigger: PaymentTrigger, key: str | None) -> Payment:
        try:
            changed = payment.apply(trigger, now(), key)
        except InvalidState as wrong:
            raise Refused(
                HTTPStatus.CONFLICT, "invalid_state", str(wrong), status=wrong.status
            ) from None
        if changed and payment.status is not PaymentStatus.REQUIRES_ACTION:
            self._tell(f"payment.{payment.status}", payment)
        return payment

    def _confirm(self, payment: Payment) -> None:
        self._confirmed(payment)
        self._apply(payment, PaymentTrigger.AUTHENTICATE, None)

    def _confirmed(self, payment: Payment) -> None:
        handle = self._confirming.pop(payment.id, None)
        if handle is not None:
            handle.cancel()


def _refused_method(method: str) -> Refused:
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unknown_method",
        f"{method!r} is no method of this sandbox: take one of {', '.join(METHODS)}",
    )
