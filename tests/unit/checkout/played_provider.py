"""A payment provider in memory: what it did to whose money, call by call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from pedidos_checkout.domain.payments import PaymentStatus, ProviderPayment
from pedidos_checkout.ports import Mail, ProviderRefused, TextMessage

S = PaymentStatus
FIRST = {
    "tok_ok": S.AUTHORISED,
    "tok_declined": S.DECLINED,
    "tok_action": S.REQUIRES_ACTION,
    "tok_leaves": S.REQUIRES_ACTION,
    "tok_capture_declined": S.AUTHORISED,
}


@dataclass(frozen=True)
class Known:
    """What was answered under a key."""

    asked: tuple[object, ...]
    answer: ProviderPayment


class PlayedProvider:
    """Keeps the promises of `ports.PaymentProvider`; `told` lists what webhooks would tell."""

    def __init__(self) -> None:
        self.payments: dict[str, ProviderPayment] = {}
        self.methods: dict[str, str] = {}
        self.keys: dict[str, Known] = {}
        self.told: list[ProviderPayment] = []
        self.captures = 0

    def _repeated(self, key: str, *asked: object) -> ProviderPayment | None:
        known = self.keys.get(key)
        if known is not None and known.asked != asked:
            raise ProviderRefused("payment", "idempotency_mismatch", "another body")
        return known.answer if known else None

    def _move(self, key: str, told: ProviderPayment, *asked: object) -> ProviderPayment:
        self.payments[told.id] = told
        self.keys[key] = Known(asked, told)
        self.told.append(told)
        return told

    async def authorise(
        self, key: str, reference: str, amount: Decimal, currency: str, method: str
    ) -> ProviderPayment:
        asked = ("authorise", reference, amount, currency, method)
        if (repeated := self._repeated(key, *asked)) is not None:
            return repeated
        if method not in FIRST:
            raise ProviderRefused("payment", "unknown_method", method)
        payment_id = f"ch_{len(self.payments)}"
        self.methods[payment_id] = method
        told = ProviderPayment(payment_id, reference, amount, currency, FIRST[method])
        return self._move(key, told, *asked)

    async def _changed(
        self, key: str, payment_id: str, verb: str, allowed: set[PaymentStatus], to: PaymentStatus
    ) -> ProviderPayment:
        if (repeated := self._repeated(key, verb, payment_id)) is not None:
            return repeated
        payment = self.payments[payment_id]
        if payment.status not in allowed:
            raise ProviderRefused("payment", "invalid_state", payment.status.value)
        return self._move(key, replace(payment, status=to), verb, payment_id)

    async def capture(self, key: str, provider_id: str) -> ProviderPayment:
        if self.methods[provider_id] == "tok_capture_declined":
            raise ProviderRefused("payment", "card_declined", "not now")
        before = len(self.keys)
        told = await self._changed(key, provider_id, "capture", {S.AUTHORISED}, S.CAPTURED)
        self.captures += len(self.keys) - before
        return told

    async def void(self, key: str, provider_id: str) -> ProviderPayment:
        allowed = {S.AUTHORISED, S.REQUIRES_ACTION}
        return await self._changed(key, provider_id, "void", allowed, S.VOIDED)

    async def refund(self, key: str, provider_id: str) -> ProviderPayment:
        return await self._changed(key, provider_id, "refund", {S.CAPTURED}, S.REFUNDED)

    async def get(self, provider_id: str) -> ProviderPayment | None:
        return self.payments.get(provider_id)

    async def find(self, reference: str) -> ProviderPayment | None:
        return next((p for p in self.payments.values() if p.reference == reference), None)

    async def page(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[ProviderPayment], str | None]:
        behind = int(after or 0)
        listed = list(self.payments.values())[behind : behind + limit]
        return listed, str(behind + limit) if len(self.payments) > behind + limit else None

    def customer_confirms(self) -> None:
        """Customers that act confirm what waits for them."""
        for payment_id, payment in self.payments.items():
            if payment.status is S.REQUIRES_ACTION and self.methods[payment_id] == "tok_action":
                self.payments[payment_id] = replace(payment, status=S.AUTHORISED)
                self.told.append(self.payments[payment_id])


class Post:
    """Takes mails and text messages, by id."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.messages: list[TextMessage] = []

    async def send(self, what: Mail | TextMessage) -> None:
        if isinstance(what, Mail):
            self.mails.append(what)
        else:
            self.messages.append(what)

    def of(self, suffix: str) -> list[Mail]:
        """The mails of one step."""
        return [mail for mail in self.mails if mail.id.endswith(suffix)]
