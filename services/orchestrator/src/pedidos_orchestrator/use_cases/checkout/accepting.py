"""Take checkouts in: one durable write, then the answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout, Kind, Mode
from pedidos_checkout.domain.status import CheckoutState, CheckoutStatus
from pedidos_checkout.ports import CheckoutStore
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.use_cases.checkout.ahead import Ahead, Way
from pedidos_orchestrator.use_cases.checkout.checkout_metrics import CheckoutMetrics
from pedidos_orchestrator.use_cases.checkout.estimate import Estimate
from pedidos_orchestrator.use_cases.checkout.here import OVER, DoneHere, Slot
from pedidos_orchestrator.use_cases.checkout.reading import StatusReading, status_view
from pedidos_orchestrator.use_cases.checkout.starting import Starter

ACCEPTED = "it was accepted and is processed in the background"
REFUSED_SECONDS = 5
LONGEST_RETRY_SECONDS = 60
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.1, 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request: `draft` makes the checkout of it, `tracking_url` is where it will be found.

    `draft` raises a `ProblemError` for what can't be ordered.
    """

    kind: Kind
    key: str | None
    fingerprint: str
    draft: Callable[[], Awaitable[Checkout]]
    tracking_url: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, at once or to the same request again."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As it is kept with its checkout."""
        return {"status": self.status, "body": self.body, "headers": self.headers}


def stored_reply(stored: Mapping[str, Any]) -> Reply:
    """What was answered before."""
    return Reply(int(stored["status"]), stored["body"], stored.get("headers", {}))


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes checkouts in, or says why not; the same key is the same checkout.

    `look_again` makes the next one wait for a new look at what is `ahead`.
    """

    checkouts: CheckoutStore
    ahead: Callable[[], Awaitable[Mapping[Kind, Ahead]]]
    starter: Starter
    here: DoneHere | None
    reading: StatusReading
    estimate: Estimate
    metrics: CheckoutMetrics
    prepared: Callable[[], Awaitable[None]]
    look_again: Callable[[], None]
    sync_seconds: float = 10.0

    async def take(self, wanted: Wanted) -> Reply:
        """Take it in.

        Raises:
            ProblemError: 422 for another request under a known key, or what can't be ordered;
                503 where too many wait, or a queue takes nothing in.
            Unavailable: when the store does not answer; it may have been taken in.
        """
        with self.metrics.serving():
            await self.prepared()
            ahead = (await self.ahead())[wanted.kind]
            if ahead.way >= Way.REFUSE:
                return await self._known_or(wanted, self._refusal(ahead))
            # reserved before anything is awaited: a burst finds as many as there are
            slot = self.here.slot() if self.here and ahead.way is Way.HERE else None
            if slot is None:
                return await self._priced(wanted, None)
            # it goes on where its client hangs up, and is answered to whoever asks again
            return await asyncio.shield(self._done_here(wanted, slot))

    async def _done_here(self, wanted: Wanted, slot: Slot) -> Reply:
        try:
            return await self._priced(wanted, slot)
        finally:
            slot.give_back()

    async def _priced(self, wanted: Wanted, slot: Slot | None) -> Reply:
        try:
            draft = await wanted.draft()
        except ProblemError as problem:  # a product may be gone since it was ordered
            return await self._known_or(wanted, problem)
        return await self._accept(draft, wanted, slot)

    async def _known_or(self, wanted: Wanted, problem: ProblemError) -> Reply:
        known = await self.checkouts.by_key(wanted.kind, wanted.key) if wanted.key else None
        if known is None:
            self.metrics.refused(problem)
            raise problem
        return await self._again(known, wanted)

    def _refusal(self, ahead: Ahead) -> ProblemError:
        wait = str(min(max(REFUSED_SECONDS, self._seconds()), LONGEST_RETRY_SECONDS))
        if ahead.way is Way.DRAINING:
            detail = f"the queue {ahead.queue} takes nothing in at present: try again later"
            return ProblemError(503, detail, slug="queue-draining", headers={"retry-after": wait})
        detail = f"{ahead.waiting} jobs wait in {ahead.queue} already: try again in {wait} s"
        return ProblemError(503, detail, slug="overloaded", headers={"retry-after": wait})

    def _seconds(self) -> int:
        return max(1, math.ceil(self.estimate.milliseconds / 1000))

    async def _accept(self, draft: Checkout, wanted: Wanted, slot: Slot | None) -> Reply:
        reply = self._accepted(draft, wanted)
        mode = Mode.ASYNC if slot is None else Mode.SYNC
        kept = reply.stored() if slot is None else None
        began = time.perf_counter()
        accepted = await self.checkouts.accept(replace(draft, mode=mode, reply=kept))
        self.metrics.stored(time.perf_counter() - began)
        checkout = accepted.checkout
        if not accepted.is_new:
            if slot is not None:
                slot.give_back()
            return await self._again(checkout, wanted)
        self.metrics.accepted(checkout)
        if slot is not None:
            # as it was stored: with the server's time, from which its status counts
            stored = await self.checkouts.get(checkout.id)
            return await self._finish(stored or checkout, wanted, reply)
        self.starter.put(checkout)
        self.estimate.accepted(checkout.id)
        return reply

    def _accepted(self, checkout: Checkout, wanted: Wanted) -> Reply:
        url = wanted.tracking_url(checkout.id)
        data = {
            "jobId": checkout.id,
            "status": "queued",
            "estimatedProcessingTime": self.estimate.milliseconds,
            "trackingUrl": url,
        }
        what = "the order" if checkout.kind is Kind.CHECKOUT else "the payment"
        message = ACCEPTED.replace("it", what, 1)
        wait = min(self._seconds(), LONGEST_RETRY_SECONDS)
        headers = {"location": url, "retry-after": str(wait)}
        return Reply(202, {"success": True, "message": message, "data": data}, headers)

    async def _finish(self, checkout: Checkout, wanted: Wanted, late: Reply) -> Reply:
        assert self.here is not None  # noqa: S101 - the slot is of it
        status = await self.here.finish(checkout, self.reading.of, self.sync_seconds)
        reply = late if status is None else self._done(checkout, status, wanted)
        await self.checkouts.keep_reply(checkout.id, reply.stored())
        return reply

    def _done(self, checkout: Checkout, status: CheckoutStatus, wanted: Wanted) -> Reply:
        url = wanted.tracking_url(checkout.id)
        body = {
            "success": status.state is CheckoutState.COMPLETED,
            "message": status.message,
            "data": status_view(checkout, status) | {"trackingUrl": url},
        }
        return Reply(200, body, {"location": url})

    async def _again(self, known: Checkout, wanted: Wanted) -> Reply:
        if known.fingerprint != wanted.fingerprint:
            problem = _other_request(wanted.key or "")
            self.metrics.refused(problem)
            raise problem
        self.metrics.replayed()
        if known.reply is not None:
            return stored_reply(known.reply)
        if known.mode is Mode.ASYNC:
            return self._accepted(known, wanted)
        return await self._reply_of(known, wanted)

    async def _reply_of(self, known: Checkout, wanted: Wanted) -> Reply:
        """What the first one is answered that is still under way.

        Where it is not any more (its process died) that is how the checkout stands, from then on.
        """
        give_up_at, rest = time.monotonic() + self.sync_seconds, LOOK_SECONDS
        while True:
            found = await self.checkouts.get(known.id)
            if found is not None and found.reply is not None:
                return stored_reply(found.reply)
            status = await self.reading.of(known)
            is_over, left = status.state in OVER, give_up_at - time.monotonic()
            if is_over or left <= 0 or status.processing_ms > 1000 * self.sync_seconds:
                break
            await asyncio.sleep(min(rest, left))
            rest = min(2 * rest, LONGEST_LOOK_SECONDS)
        reply = self._done(known, status, wanted) if is_over else self._accepted(known, wanted)
        await self.checkouts.keep_reply(known.id, reply.stored())
        return reply


def _other_request(key: str) -> ProblemError:
    detail = (
        f"the Idempotency-Key {key[:80]} was used for another request: send a new key with this one"
    )
    return ProblemError(422, detail, slug="idempotency-mismatch")
