"""The payment provider over HTTP; docs/providers.md has its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from pedidos_checkout.adapters.http.json_calls import JsonCalls
from pedidos_checkout.domain.minor_units import from_minor, to_minor
from pedidos_checkout.domain.payments import PaymentStatus, ProviderPayment
from pedidos_checkout.ports import PAYMENT, ProviderRefused, ProviderUnavailable

NOT_FOUND = "not_found"
MONEY_MOVED = frozenset({PaymentStatus.AUTHORISED, PaymentStatus.CAPTURED})
PATH = "v1/payments"


class HttpPayments:
    """See `pedidos_checkout.ports.PaymentProvider`. The calls are shared, not owned."""

    def __init__(self, calls: JsonCalls) -> None:
        self._calls = calls

    async def authorise(
        self, key: str, reference: str, amount: Decimal, currency: str, method: str
    ) -> ProviderPayment:
        """See `ports.PaymentProvider.authorise`."""
        try:
            units = to_minor(amount, currency)
        except ValueError as error:
            raise ProviderRefused(PAYMENT, "amount_impossible", str(error)) from None
        body = {
            "reference": reference,
            "amount": units,
            "currency": currency,
            "method": method,
            "capture": False,
        }
        return payment_of("authorise", await self._calls.post("authorise", PATH, key, body))

    async def capture(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.capture`."""
        return await self._change("capture", key, provider_id)

    async def void(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.void`."""
        return await self._change("void", key, provider_id)

    async def refund(self, key: str, provider_id: str) -> ProviderPayment:
        """See `ports.PaymentProvider.refund`."""
        return await self._change("refund", key, provider_id)

    async def _change(self, operation: str, key: str, provider_id: str) -> ProviderPayment:
        path = f"{_path_of(provider_id)}/{operation}"
        return payment_of(operation, await self._calls.post(operation, path, key, {}))

    async def get(self, provider_id: str) -> ProviderPayment | None:
        """See `ports.PaymentProvider.get`."""
        try:
            found = await self._calls.get("lookup", _path_of(provider_id))
        except ProviderRefused as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return payment_of("lookup", found)

    async def find(self, reference: str) -> ProviderPayment | None:
        """See `ports.PaymentProvider.find`; of several, one that holds or took money."""
        found, _ = _listed(await self._calls.get("lookup", PATH, {"reference": reference}))
        found = [payment for payment in found if payment.reference == reference]
        moved = [payment for payment in found if payment.status in MONEY_MOVED]
        return next(iter([*moved, *reversed(found)]), None)

    async def page(
        self, after: str | None, limit: int
    ) -> tuple[Sequence[ProviderPayment], str | None]:
        """See `ports.PaymentProvider.page`."""
        params: dict[str, str | int] = {"limit": limit}
        if after is not None:
            params["after"] = after
        return _listed(await self._calls.get("lookup", PATH, params))


def _path_of(provider_id: str) -> str:
    return f"{PATH}/{quote(provider_id, safe='')}"


def _listed(document: Mapping[str, Any]) -> tuple[Sequence[ProviderPayment], str | None]:
    entries, more = document.get("data"), document.get("next")
    if not isinstance(entries, list):
        raise ProviderUnavailable(PAYMENT, "lookup", "its answer has no list `data`")
    return [payment_of("lookup", entry) for entry in entries], None if more is None else str(more)


def payment_of(operation: str, document: Mapping[str, Any]) -> ProviderPayment:
    """The payment that an answer of the provider tells of; `operation` is what it answers.

    Raises:
        ProviderUnavailable: when it is none that this release knows.
    """
    try:
        return read_payment(document)
    except ValueError as error:
        raise ProviderUnavailable(PAYMENT, operation, f"its answer is {error}"[:300]) from None


def read_payment(document: Mapping[str, Any]) -> ProviderPayment:
    """The payment that a document of the provider tells of.

    Raises:
        ValueError: when it is none that this release knows.
    """
    try:
        currency, decline_code = _text(document["currency"]), document.get("decline_code")
        return ProviderPayment(
            id=_text(document["id"]),
            reference=_text(document["reference"]),
            amount=from_minor(int(document["amount"]), currency),
            currency=currency,
            status=PaymentStatus(document["status"]),
            decline_code=None if decline_code is None else _text(decline_code),
            created_at=datetime.fromisoformat(document["created"]),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"no payment that this release knows: {error!r}") from None


def _text(told: object) -> str:
    """As it can be stored and logged: JSON may hold halves of characters, UTF-8 may not."""
    text = str(told)
    text.encode()
    return text
