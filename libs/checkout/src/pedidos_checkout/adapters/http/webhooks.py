"""The payment provider's webhooks as it sends them; docs/providers.md has their form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pedidos_checkout.adapters.http.payments import read_payment
from pedidos_checkout.domain.checkouts import PAYMENT_PREFIX
from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_common.domain.webhook_signatures import verified_id

TYPE_PREFIX = "payment."
OUR_REFERENCE = re.compile(PAYMENT_PREFIX + "[a-z2-7]{26}")


def read_webhook(
    key: bytes, headers: Mapping[str, str], body: bytes, now: float
) -> PaymentEvent | None:
    """The event of a webhook that is signed and of now; None for what is no news of our payments.

    Raises:
        NotSigned: when it is not to be believed.
        ValueError: when it is signed, and not in the form that was agreed on.
    """
    event_id = verified_id(key, headers, body, now)
    told = _json(body)
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise ValueError("a webhook is a JSON object with a type")  # noqa: TRY004 - of what was sent
    if not told["type"].startswith(TYPE_PREFIX):
        return None
    try:
        payment = read_payment(told.get("data") or {})
    except ValueError as error:
        raise ValueError(f"a webhook's data is a payment, and this is {error}") from None
    # the provider's account may have payments of others than this shop
    return PaymentEvent(event_id, payment) if OUR_REFERENCE.fullmatch(payment.reference) else None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("a webhook's JSON is not nested as deeply as this is") from None
    except ValueError as error:
        raise ValueError(f"a webhook is JSON, and this is not: {error}") from None
