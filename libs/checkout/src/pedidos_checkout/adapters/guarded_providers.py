"""The providers' ports, each call of them guarded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pedidos_checkout.adapters.guarded import LOOK_UP, Guard
from pedidos_checkout.domain.payments import ProviderPayment
from pedidos_checkout.ports import Mail, MailSender, PaymentProvider, SmsSender, TextMessage


class GuardedPayments:
    """See `ports.PaymentProvider`."""

    def __init__(self, guard: Guard, provider: PaymentProvider) -> None:
        self._guard, self._provider = guard, provider

    async def authorise(
        self, key: str, reference: str, amount: Decimal, currency: str, method: str
    ) -> ProviderPayment:
        """See `ports.PaymentProvider.authorise`."""
        return await self._guard(
            "authorise",
            lambda: self._provider.authorise(key, reference, amount, currency, method),
        )

    async def capture(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.capture`."""
        return await self._guard("capture", lambda: self._provider.capture(key, provider_id))

    async def void(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.void`."""
        return await self._guard("void", lambda: self._provider.void(key, provider_id))

    async def refund(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.refund`."""
        return await self._guard("refund", lambda: self._provider.refund(key, provider_id))

    async def get(self, provider_id: str) -> ProviderPayment | None:
        """See `ports.PaymentProvider.get`."""
        return await self._guard(LOOK_UP, lambda: self._provider.get(provider_id))

    async def find(self, reference: str) -> ProviderPayment | None:
        """See `ports.PaymentProvider.find`."""
        return await self._guard(LOOK_UP, lambda: self._provider.find(reference))

    async def page(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[ProviderPayment], str | None]:
        """See `ports.PaymentProvider.page`."""
        return await self._guard(LOOK_UP, lambda: self._provider.page(after, limit))


class GuardedMail:
    """See `ports.MailSender`."""

    def __init__(self, guard: Guard, sender: MailSender) -> None:
        self._guard, self._sender = guard, sender

    async def send(self, mail: Mail) -> None:
        """See `ports.MailSender.send`."""
        await self._guard("send", lambda: self._sender.send(mail))


class GuardedSms:
    """See `ports.SmsSender`."""

    def __init__(self, guard: Guard, sender: SmsSender) -> None:
        self._guard, self._sender = guard, sender

    async def send(self, message: TextMessage) -> None:
        """See `ports.SmsSender.send`."""
        await self._guard("send", lambda: self._sender.send(message))
