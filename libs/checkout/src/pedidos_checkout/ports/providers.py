"""Outside providers: payments, mail, text messages.

Every call that changes something carries an idempotency key: the same key is the same call,
however often it is made. A call without an answer raises `Unavailable` (from `pedidos_common`):
it may have been carried out or not, and is to be made again under the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pedidos_checkout.domain.payments import ProviderPayment
from pedidos_common.domain.errors import PedidosError


class ProviderPaused(PedidosError):
    """The provider's circuit breaker is open: nothing was sent; ask again after a while."""

    def __init__(self, provider: str, retry_after_seconds: float) -> None:
        super().__init__(
            f"provider {provider} failed too often and is left alone for "
            f"{retry_after_seconds:.0f} s more"
        )
        self.provider = provider
        self.retry_after_seconds = retry_after_seconds


class ProviderRefused(PedidosError):
    """The provider answered no, for good; `code` is its own word for why."""

    def __init__(self, provider: str, code: str, message: str) -> None:
        super().__init__(f"provider {provider} refused: {message} ({code})")
        self.provider = provider
        self.code = code


class PaymentProvider(Protocol):
    """Takes payments in two moves: authorise holds the money, capture takes it."""

    async def authorise(
        self, key: str, reference: str, amount: Decimal, currency: str, method: str
    ) -> ProviderPayment:
        """Hold the money; a declined card is an answer (`DECLINED`), no error."""
        ...

    async def capture(self, key: str, provider_id: str) -> ProviderPayment:
        """Take what was authorised.

        Raises:
            ProviderRefused: when its state does not allow it, or the card is declined now.
        """
        ...

    async def void(self, key: str, provider_id: str) -> ProviderPayment:
        """Let go of what was authorised and not captured; also what waits for its customer."""
        ...

    async def refund(self, key: str, provider_id: str) -> ProviderPayment:
        """Give back what was captured."""
        ...

    async def get(self, provider_id: str) -> ProviderPayment | None:
        """The payment as it stands."""
        ...

    async def find(self, reference: str) -> ProviderPayment | None:
        """The payment that was made under our reference."""
        ...

    async def page(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[ProviderPayment], str | None]:
        """All payments, oldest first, and the cursor of the next page."""
        ...


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail; `id` is its Message-ID's local part, the same for every try."""

    id: str
    to: str
    subject: str
    text: str


class MailSender(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Hand it over to the mail server."""
        ...


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message; `id` is its idempotency key."""

    id: str
    to: str
    text: str


class SmsSender(Protocol):
    """Sends text messages."""

    async def send(self, message: TextMessage) -> None:
        """Hand it over to the provider."""
        ...
