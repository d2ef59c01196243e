"""The webhook: signed as Standard Webhooks says, and tried again when it is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pedidos_common.domain.jobs import Band, Job, JobStatus, Succeeded
from pedidos_common.domain.run_jobs import NOTIFY_RUN_ENDED
from pedidos_common.domain.webhook_signatures import key_of, signed_headers
from pedidos_common.execution.registry import JobContext
from pedidos_worker.notify import WebhookRefused, webhook_function

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PAYLOAD = {"type": "run.ended", "runId": "r", "receipt": {"processed": 3, "balanced": True}}
JOB = Job(
    "webhook:r:0",
    NOTIFY_RUN_ENDED,
    "notifications",
    Band.LOW,
    PAYLOAD,
    JobStatus.RUNNING,
    NOW - timedelta(hours=2),
    deliveries=1,
    claimed_at=NOW,
)


class Receiver:
    """A shop's endpoint that answers with the next status, and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[httpx.Request] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.statuses.pop(0))


async def delivered(receiver: Receiver, secret: str = SECRET) -> Any:
    function = webhook_function(receiver.client, "https://shop.test/hook", secret)
    context: JobContext = None  # type: ignore[assignment]
    return await function.perform(JOB, context)


def verified(request: httpx.Request, key: bytes) -> bool:
    """As a receiver verifies it, from nothing but the request and its key."""
    headers = request.headers
    signed = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), request.content]
    )
    mine = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    versions = [part.split(",", 1) for part in headers["webhook-signature"].split(" ")]
    return any(name == "v1" and hmac.compare_digest(theirs, mine) for name, theirs in versions)


async def test_a_delivery_carries_the_event_and_is_verified_by_its_signature() -> None:
    receiver = Receiver(204)
    assert await delivered(receiver) == Succeeded({"status": 204})
    (request,) = receiver.requests
    assert json.loads(request.content) == PAYLOAD
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "webhook:r:0"
    assert int(request.headers["webhook-timestamp"]) == int(NOW.timestamp())
    assert verified(request, KEY)
    assert not verified(request, KEY[::-1])


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    headers = signed_headers(
        key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_secret_of_another_kind_is_the_key_itself() -> None:
    receiver = Receiver(200)
    await delivered(receiver, "a-secret-of-the-shop")
    assert verified(receiver.requests[0], b"a-secret-of-the-shop")


async def test_without_a_secret_nothing_pretends_to_be_signed() -> None:
    receiver = Receiver(200)
    await delivered(receiver, "")
    assert "webhook-signature" not in receiver.requests[0].headers


def test_a_malformed_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match="base64 behind whsec_") as caught:
        key_of("whsec_not base64!")
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 404, 410, 500, 503])
async def test_anything_but_success_is_tried_again(status: int) -> None:
    with pytest.raises(WebhookRefused, match=str(status)):
        await delivered(Receiver(status))


def test_it_is_tried_for_long_with_growing_pauses() -> None:
    function = webhook_function(Receiver().client, "https://shop.test/hook", SECRET)
    delays = [function.retry.delay(attempt, draw=0.0) for attempt in range(1, 11)]
    assert delays[-1] is None
    known = [delay for delay in delays if delay is not None]
    assert known == sorted(known)
    assert sum(known) > 600
