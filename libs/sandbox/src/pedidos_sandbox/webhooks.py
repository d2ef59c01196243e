"""Tells the shop what happened to payments: signed, and tried again until it answers 2xx.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body`, base64. The id of a webhook stays the same over all deliveries.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import heapq
import hmac
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pedidos_sandbox.clock import iso, now
from pedidos_sandbox.faults import Fault, Faults, Mode, Operation
from pedidos_sandbox.pages import Pages
from pedidos_sandbox.payments import Payment

log = logging.getLogger(__name__)
SECRET_MARK = "whsec_"  # noqa: S105 - how a secret begins
AT_ONCE = 32
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
RESTART_SECONDS = 1.0
# a payment has at most three: authorised, captured, refunded
EACH = 3

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]


class WebhookState(StrEnum):
    """Where a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    WITHHELD = "withheld"  # a fault says never, or nobody is to be told
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: what the shop answered (`status`), or why nothing came."""

    at: datetime
    status: int | None
    error: str | None = None


@dataclass(slots=True)
class Webhook:
    """One thing that happened, and each attempt to tell it."""

    id: str
    type: str
    payment_id: str
    created: datetime
    body: bytes
    state: WebhookState = WebhookState.PENDING
    deliveries: list[Delivery] = field(default_factory=list)

    def audited(self) -> dict[str, Any]:
        """As the ledger shows it."""
        told = [{"at": iso(d.at), "status": d.status, "error": d.error} for d in self.deliveries]
        return {
            "id": self.id,
            "type": self.type,
            "payment": self.payment_id,
            "created": iso(self.created),
            "state": self.state,
            "deliveries": told,
        }


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


@dataclass(slots=True, order=True)
class _Due:
    """When a webhook is to be told, on the loop's clock; `copies` is how often at once."""

    at: float
    turn: int
    webhook: Webhook = field(compare=False)
    copies: int = field(default=1, compare=False)
    over: bool = field(default=False, compare=False)


class Webhooks:
    """All webhooks there are; those of `limit` payments at most. `run` delivers them.

    Args:
        url: where to; None tells nobody, and keeps them as withheld.
        key: what they are signed with.
        attempts: how often one is tried before it is given up.
        post: sends a body with headers to an address; the status that was answered.
    """

    def __init__(
        self, limit: int, url: str | None, key: bytes, attempts: int, faults: Faults, post: Post
    ) -> None:
        self.url = url
        self._key = key
        self._attempts = attempts
        self._faults = faults
        self._post = post
        self._pages: Pages[Webhook] = Pages("webhooks", EACH * limit)
        self._queue: list[_Due] = []
        self._held: dict[str, _Due] = {}
        self._turn = 0
        self._news = asyncio.Event()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._sending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._pages)

    def tell(self, kind: str, payment: Payment) -> None:
        """The shop is to hear of this, as the payment stands now."""
        body = json.dumps({"type": kind, "data": payment.shown()}, separators=(",", ":")).encode()
        webhook = Webhook(f"msg_{secrets.token_hex(12)}", kind, payment.id, now(), body)
        self._pages.append(webhook)
        fault = self._faults.drawn(Operation.WEBHOOK)
        if self.url is None or (fault is not None and fault.mode is Mode.NEVER):
            webhook.state = WebhookState.WITHHELD
            return
        self._plan(webhook, fault)

    async def run(self) -> None:
        """Deliver what is due, until cancelled."""
        while True:
            try:
                await self._deliver_due()
            except Exception:
                log.exception("webhooks_failed_and_go_on")
                await asyncio.sleep(RESTART_SECONDS)

    def page(self, after: int, size: int) -> tuple[Sequence[Webhook], str | None]:
        """One page of all webhooks; as `Pages.page`."""
        return self._pages.page(after, size)

    def reset(self) -> None:
        """Forget all of them, also those that are on their way."""
        self._pages.clear()
        self._queue.clear()
        self._held.clear()
        for task in self._sending:
            task.cancel()

    # --- when -----------------------------------------------------------------------------------

    def _plan(self, webhook: Webhook, fault: Fault | None) -> None:
        mode = fault.mode if fault else None
        wait = fault.seconds if fault and mode in {Mode.LATE, Mode.OUT_OF_ORDER} else 0.0
        due = self._queued(webhook, wait, copies=2 if mode is Mode.TWICE else 1)
        if mode is Mode.OUT_OF_ORDER:
            self._held[webhook.payment_id] = due

    def _queued(self, webhook: Webhook, wait_seconds: float, copies: int = 1) -> _Due:
        self._turn += 1
        due = _Due(_loop_time() + wait_seconds, self._turn, webhook, copies)
        heapq.heappush(self._queue, due)
        self._news.set()
        return due

    def _let_go(self, told: Webhook) -> None:
        """What waited to come behind that one comes now."""
        held = self._held.get(told.payment_id)
        if held is None or held.webhook is told or held.over:
            return
        del self._held[told.payment_id]
        held.over = True
        self._queued(held.webhook, 0.0)

    async def _deliver_due(self) -> None:
        self._news.clear()
        while self._queue and self._queue[0].at <= _loop_time():
            due = heapq.heappop(self._queue)
            if not due.over:
                await self._begin(due)
        wait = self._queue[0].at - _loop_time() if self._queue else None
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            return

    # --- how ------------------------------------------------------------------------------------

    async def _begin(self, due: _Due) -> None:
        due.over = True
        if self._held.get(due.webhook.payment_id) is due:
            del self._held[due.webhook.payment_id]
        await self._free.acquire()
        task = asyncio.create_task(self._deliver(due), name=f"webhook {due.webhook.id}")
        self._sending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._free.release()
        if not task.cancelled() and (wrong := task.exception()) is not None:
            log.error("webhook_delivery_broke", exc_info=wrong)

    async def _deliver(self, due: _Due) -> None:
        webhook = due.webhook
        for _ in range(due.copies):
            webhook.deliveries.append(await self._sent(webhook))
        statuses = [delivery.status or 0 for delivery in webhook.deliveries]
        if any(200 <= status < 300 for status in statuses):
            webhook.state = WebhookState.DELIVERED
            self._let_go(webhook)
        elif len(statuses) >= self._attempts:
            webhook.state = WebhookState.GIVEN_UP
        else:
            backoff = FIRST_RETRY_SECONDS * 2.0 ** (len(statuses) - 1)
            self._queued(webhook, min(backoff, LONGEST_RETRY_SECONDS))

    async def _sent(self, webhook: Webhook) -> Delivery:
        at = now()
        if self.url is None:
            return Delivery(at, None, "nobody is to be told any more")
        headers = signed_headers(self._key, webhook.id, int(at.timestamp()), webhook.body)
        try:
            return Delivery(at, await self._post(self.url, webhook.body, headers))
        except (OSError, TimeoutError) as wrong:
            return Delivery(at, None, str(wrong) or type(wrong).__name__)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
