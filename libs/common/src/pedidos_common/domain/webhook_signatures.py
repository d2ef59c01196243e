"""Webhooks signed as Standard Webhooks says (https://www.standardwebhooks.com): made and checked.

The signature is HMAC-SHA256 over `id.timestamp.body`, base64, in the header
`webhook-signature: v1,…`; several stand side by side while a secret is changed. A secret that
begins with `whsec_` is base64 behind that, as the standard's libraries have it; any other is the
key as it stands.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from pedidos_common.domain.errors import PedidosError

BASE64_MARK = "whsec_"
VERSION = "v1,"
TOLERANCE_SECONDS = 300
LONGEST_ID = 200
MOST_SIGNATURES = 20
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


class NotSigned(PedidosError):
    """A webhook that did not come from who knows the secret, or is not of now."""


def key_of(secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ValueError: when it begins with `whsec_` and is not base64 behind that.
    """
    if not secret.startswith(BASE64_MARK):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(BASE64_MARK), validate=True)
    except binascii.Error:
        raise ValueError("base64 behind whsec_, or any text that begins otherwise") from None


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers of one delivery; `timestamp` in Unix seconds. Without a key nothing is signed."""
    headers = {"content-type": "application/json", ID: message_id, TIMESTAMP: str(timestamp)}
    if key:
        headers[SIGNATURE] = VERSION + _signature(key, message_id, timestamp, body)
    return headers


def _signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verified_id(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The id of a webhook that is signed and of now; every try of it has the same one.

    `headers` are looked up by names in small letters; `now` is in Unix seconds.

    Raises:
        NotSigned: what is wrong with it, in words that its sender may read.
    """
    message_id, timestamp = headers.get(ID, ""), _timestamp(headers.get(TIMESTAMP, ""))
    # with a full stop in it the id could take in what was signed as timestamp and body
    if not 0 < len(message_id) <= LONGEST_ID or "." in message_id:
        raise NotSigned(f"{ID} is missing, longer than {LONGEST_ID} characters, or has a full stop")
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise NotSigned(f"{TIMESTAMP} is more than {TOLERANCE_SECONDS} s from now: sign it anew")
    right = _signature(key, message_id, timestamp, body).encode()
    told = headers.get(SIGNATURE, "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
    if not any(_is_right(one, right) for one in told):
        raise NotSigned(f"{SIGNATURE} has no {VERSION}… of this body by the secret agreed on")
    return message_id


def _is_right(told: str, right: bytes) -> bool:
    told = told.removeprefix(VERSION) if told.startswith(VERSION) else ""
    return hmac.compare_digest(told.encode("utf-8", "replace"), right)


def _timestamp(told: str) -> int:
    if not (told.isascii() and told.isdigit() and len(told) <= 12):
        raise NotSigned(f"{TIMESTAMP} is not a number of Unix seconds")
    return int(told)
