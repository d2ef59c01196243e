"""Tell a webhook that a run ended: signed as Standard Webhooks says, retried by the ledger."""

from __future__ import annotations

import asyncio
import json

import httpx

from pedidos_common.domain.jobs import Job, Outcome, RetryPolicy, Succeeded
from pedidos_common.domain.run_jobs import NOTIFY_RUN_ENDED, UPGRADES
from pedidos_common.domain.webhook_signatures import key_of, signed_headers
from pedidos_common.execution.registry import JobContext, JobFunction

TIMEOUT_SECONDS = 10.0
LONGEST_DELIVERY_SECONDS = 30.0


class WebhookRefused(Exception):
    """The receiver answered, but not with success."""


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
