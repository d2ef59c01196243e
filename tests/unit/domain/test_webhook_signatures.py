"""Webhooks of others: taken only when signed by who knows the secret, and of now."""

from __future__ import annotations

import base64

import pytest

from pedidos_common.domain.webhook_signatures import (
    NotSigned,
    key_of,
    signed_headers,
    verified_id,
)

KEY = key_of("whsec_" + base64.b64encode(b"secret-of-the-provider").decode())
BODY = b'{"type":"payment.captured"}'
NOW = 1_700_000_000


def headers(**changed: str) -> dict[str, str]:
    signed = dict(signed_headers(KEY, "evt_1", NOW, BODY))
    return signed | {name.replace("_", "-"): value for name, value in changed.items()}


def test_what_is_signed_is_taken_for_five_minutes_either_way() -> None:
    for now in (NOW, NOW + 300, NOW - 300):
        assert verified_id(KEY, headers(), BODY, now) == "evt_1"
    for now in (NOW + 301, NOW - 301):
        with pytest.raises(NotSigned, match="from now"):
            verified_id(KEY, headers(), BODY, now)


def test_one_right_signature_of_several_is_enough() -> None:
    right = headers()["webhook-signature"]
    told = headers(webhook_signature=f"v1,old v1a,other {right} v2,{right[3:]}")
    assert verified_id(KEY, told, BODY, NOW) == "evt_1"


def test_a_raw_secret_is_its_own_key() -> None:
    key = key_of("a-secret-that-is-no-base64")
    signed = signed_headers(key, "evt_1", NOW, BODY)
    assert verified_id(key, signed, BODY, NOW) == "evt_1"


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_id": "evt_2"},
        {"webhook_id": ""},
        {"webhook_id": "x" * 201},
        {"webhook_timestamp": str(NOW + 1)},
        {"webhook_timestamp": f"{NOW}.0"},
        {"webhook_timestamp": "²"},
        {"webhook_timestamp": "9" * 5_000},
        {"webhook_signature": ""},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1,ñ\udc80"},
        {"webhook_signature": "v2," + headers()["webhook-signature"][3:]},
        {"webhook_signature": " ".join(["v1,x"] * 20) + " " + headers()["webhook-signature"]},
    ],
)
def test_anything_else_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(NotSigned):
        verified_id(KEY, headers(**changed), BODY, NOW)


def test_another_body_key_or_nothing_at_all_is_refused() -> None:
    for key, told, body in (
        (KEY, headers(), BODY + b" "),
        (KEY[::-1], headers(), BODY),
        (KEY, {}, BODY),
    ):
        with pytest.raises(NotSigned):
            verified_id(key, told, body, NOW)


def test_what_was_signed_can_not_be_cut_elsewhere() -> None:
    """`a` `1` `2.body` and `a.1` `2` `body` are signed alike."""
    signed = signed_headers(KEY, "a", NOW, f"{NOW}.body".encode())
    moved = dict(signed) | {"webhook-id": f"a.{NOW}"}
    with pytest.raises(NotSigned, match="full stop"):
        verified_id(KEY, moved, b"body", NOW)
