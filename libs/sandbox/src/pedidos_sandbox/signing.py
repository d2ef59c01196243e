"""Signatures as Standard Webhooks (https://www.standardwebhooks.com) has them.

HMAC-SHA256 over `id.timestamp.body`, in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

SECRET_MARK = "whsec_"  # noqa: S105 - how a secret begins


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: base64 behind `whsec_`, else the text itself.

    Raises:
        ValueError: where it is not base64.
    """
    if not secret.startswith(SECRET_MARK):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_MARK), validate=True)
    except binascii.Error:
        raise ValueError(f"not base64 behind {SECRET_MARK}") from None


def signed_headers(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery; `timestamp` in Unix seconds."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
