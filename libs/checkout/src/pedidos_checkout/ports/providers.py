"""Outside providers: payments, mail, text messages.

Every call that changes something carries an idempotency key: the same key is the same call,
however often it is made. What a call may raise beside its answer:

- `ProviderPaused`: nothing was sent. The job is deferred, without an attempt (`steps.deferral`).
- `ProviderUnavailable`: no answer, or one of a server in trouble. It may have been carried out or
  not, and is to be made again under the same key; an attempt of its job, unlike an `Unavailable`
  of our own servers.
- `ProviderRefused`: the provider said no, for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from pedidos_checkout.domain.payments import ProviderPayment
from pedidos_common.domain.errors import PedidosError


class ProviderPaused(PedidosError):
    """Nothing was sent, or nothing was taken on: ask again after `retry_after_seconds`.

    Its circuit breaker is open, it asked to be left alone (429), or this process has as many
    calls to it under way and waiting as it may; `because` says which.
    """

    def __init__(
        self,
        provider: str,
        retry_after_seconds: float,
        because: str = "it failed too often and is left alone",
    ) -> None:
        super().__init__(
            f"provider {provider} is not asked now: {because}; next try in "
            f"{retry_after_seconds:.1f} s"
        )
        self.provider = provider
        self.retry_after_seconds = retry_after_seconds


class ProviderBusy(ProviderPaused):
    """The same call is under way there, by an earlier try that got no answer."""

    def __init__(self, provider: str, retry_after_seconds: float, operation: str) -> None:
        because = f"the same {operation} is still under way there"
        super().__init__(provider, retry_after_seconds, because)


class ProviderLimited(ProviderPaused):
    """It asked to be left alone for a while (429), which speaks against it."""

    def __init__(self, provider: str, retry_after_seconds: float) -> None:
        super().__init__(provider, retry_after_seconds, "it asks for fewer calls")


class ProviderUnavailable(PedidosError):
    """A call got no usable answer: whether it was carried out is not known.

    It is to be made again under the same key. `operation` is what was asked of it;
    `blames_provider` is false where the trouble is of this one call (a mailbox that is full), so
    that others are made all the same.
    """

    def __init__(
        self, provider: str, operation: str, reason: str, *, blames_provider: bool = True
    ) -> None:
        super().__init__(
            f"provider {provider} did not answer {operation} ({reason}): it is asked again under "
            "the same key; if this goes on, look at the provider's own status and its address here"
        )
        self.provider = provider
        self.operation = operation
        self.blames_provider = blames_provider


class ProviderRefused(PedidosError):
    """The provider answered no, for good; `code` is its own word for why."""

    def __init__(self, provider: str, code: str, message: str) -> None:
        super().__init__(f"provider {provider} refused: {message} ({code})")
        self.provider = provider
        self.code = code


PAYMENT, EMAIL, SMS = "payment", "email", "sms"  # what providers are called in breakers and metrics


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
    """A mail; `id` is the same for every try, and so is the Message-ID made of it.

    It is not to be read in any header: it begins with its checkout's id, a secret.
    """

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
