"""The payment provider's webhooks as they come over the wire, signed, and whatever is in them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pedidos_checkout.adapters.http.webhooks import read_webhook
from pedidos_checkout.domain.payments import PaymentEvent, PaymentStatus
from pedidos_common.domain.webhook_signatures import signed_headers
from tests.unit.checkout.carts import a_checkout

KEY, NOW = b"secret", 1_767_323_045
PAYMENT: dict[str, Any] = {
    "id": "ch_1",
    "reference": a_checkout().payment_id,
    "amount": 1800,
    "currency": "EUR",
    "status": "captured",
    "created": "2026-01-02T03:04:05Z",
}


def taken(body: bytes) -> PaymentEvent | None:
    return read_webhook(KEY, signed_headers(KEY, "msg_1", NOW, body), body, float(NOW))


def with_data(**changes: Any) -> bytes:
    return json.dumps({"type": "payment.captured", "data": PAYMENT | changes}).encode()


def test_what_is_told_of_our_payment_is_read() -> None:
    event = taken(with_data())
    assert event is not None
    assert (event.id, event.payment.reference) == ("msg_1", a_checkout().payment_id)
    assert (event.payment.amount, event.payment.status) == (Decimal(18), PaymentStatus.CAPTURED)


@pytest.mark.parametrize(
    "body",
    [
        with_data(reference="invoice 5"),
        with_data(reference="pay_of_another_shop"),
        b'{"type": "dispute.opened"}',
    ],
)
def test_what_is_no_news_of_ours_is_none(body: bytes) -> None:
    assert taken(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b"no JSON",
        b"\xff",
        b"[]",
        b'{"type": 5}',
        with_data(amount=float("inf")),
        with_data(amount=10**40),
        with_data(amount=None),
        with_data().replace(b"1800", b"1e400"),
        with_data(reference="\ud800"),
        with_data(id="\ud800"),
        with_data(decline_code="\ud800"),
        with_data(status=["captured"]),
        with_data(created=5),
        b'{"type": "payment.captured", "data": "x"}',
    ],
)
def test_what_is_signed_and_of_no_form_that_is_known_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^a webhook") as refused:
        taken(body)
    assert "asked again" not in str(refused.value)
    str(refused.value).encode()
