"""The payment provider's webhooks as it sends them; docs/providers.md has their form."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pedidos_checkout.adapters.http.payments import payment_of
from pedidos_checkout.ports import ProviderUnavailable
from pedidos_checkout.steps.webhooks import PaymentEvent
from pedidos_common.domain.webhook_signatures import verified_id

TYPE_PREFIX = "payment."


def read_webhook(
    key: bytes, headers: Mapping[str, str], body: bytes, now: float
) -> PaymentEvent | None:
    """The event of a webhook that is signed and of now; None for what is no payment's news.

    Raises:
        NotSigned: when it is not to be believed.
        ValueError: when it is signed, and not in the form that was agreed on.
    """
    event_id = verified_id(key, headers, body, now)
    told = json.loads(body)
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise ValueError("a webhook is a JSON object with a type")  # noqa: TRY004 - of what was sent
    if not told["type"].startswith(TYPE_PREFIX):
        return None
    try:
        return PaymentEvent(event_id, payment_of("webhook", told.get("data") or {}))
    except ProviderUnavailable as error:
        raise ValueError(f"its data is no payment that this release knows: {error}") from None
