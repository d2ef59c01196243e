"""Tell a webhook that a run ended: signed as Standard Webhooks says, retried by the ledger.

The signature is HMAC-SHA256 over `id.timestamp.body`, base64, in the header
`webhook-signature: v1,…` (https://www.standardwebhooks.com). A secret that begins with `whsec_`
is base64 behind that, as the standard's libraries have it; any other is the key as it stands.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping

import httpx

from pedidos_common.domain.jobs import Job, Outcome, RetryPolicy, Succeeded
from pedidos_common.domain.run_jobs import NOTIFY_RUN_ENDED, UPGRADES
from pedidos_common.execution.registry import JobContext, JobFunction

TIMEOUT_SECONDS = 10.0
LONGEST_DELIVERY_SECONDS = 30.0
BASE64_MARK = "whsec_"


class WebhookRefused(Exception):
    """The receiver answered, but not with success."""


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
        raise ValueError(
            f"WEBHOOK_SECRET begins with {BASE64_MARK} but is not base64 behind it"
        ) from None


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The headers of one delivery; `timestamp` in Unix seconds. Without a key nothing is signed."""
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
    }
    if key:
        signed = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def webhook_function(client: httpx.AsyncClient, url: str, secret: str) -> JobFunction:
    """The job function that delivers a run's end to `url`, signed where `secret` is not empty.

    Its timestamp is when this delivery was claimed, on the database server's clock: a receiver
    refuses what a worker's wrong clock would sign.

    Raises:
        ValueError: when the secret is malformed.
    """
    key = key_of(secret)

    async def deliver(job: Job, _context: JobContext) -> Outcome:
        body = json.dumps(dict(job.payload), separators=(",", ":")).encode()
        headers = signed_headers(
            key, job.id, int((job.claimed_at or job.created_at).timestamp()), body
        )
        sent = client.stream("POST", url, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
        async with asyncio.timeout(LONGEST_DELIVERY_SECONDS), sent as reply:
            # what else it says is not read, however long it is
            if not reply.is_success:
                raise WebhookRefused(f"the webhook answered {reply.status_code}")
            return Succeeded({"status": reply.status_code})

    retry = RetryPolicy(max_attempts=10, base_seconds=5.0, cap_seconds=600.0)
    return JobFunction(NOTIFY_RUN_ENDED, deliver, retry=retry, upgrades=UPGRADES[NOTIFY_RUN_ENDED])
