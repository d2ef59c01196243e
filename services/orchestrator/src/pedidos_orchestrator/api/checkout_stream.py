"""One checkout's status as server-sent events, until it is final."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Message, Receive, Scope, Send

from pedidos_common.domain.errors import Unavailable
from pedidos_orchestrator.api.status_reading import encode
from pedidos_orchestrator.api.stream import EVENT_STREAM, RECONNECT_MS, SEND_SECONDS
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.use_cases.checkout.checkout_metrics import CheckoutMetrics
from pedidos_orchestrator.use_cases.checkout.reading import StatusReading, status_view

LOOK_SECONDS = 0.5
LOOKS_A_SECOND = 200
LONGEST_SECONDS = 3_600.0




class CheckoutWatchers:
    """Who watches a checkout now: so many, and all together so many looks a second."""

    def __init__(self, reading: StatusReading, metrics: CheckoutMetrics, most: int) -> None:
        self._reading, self._metrics, self._most = reading, metrics, most
        self._ended = asyncio.Event()
        self.watching = 0

    @property
    def pause_seconds(self) -> float:
        """How long each of them rests between two looks."""
        return max(LOOK_SECONDS, self.watching / LOOKS_A_SECOND)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """One more watches.

        Raises:
            ProblemError: 503, when too many do already or the process shuts down.
        """
        if self._ended.is_set() or self.watching >= self._most:
            detail = f"{self.watching} clients watch already: poll the status, or try again later"
            raise ProblemError(503, detail, headers={"retry-after": "5"})
        self.watching += 1
        try:
            with self._metrics.serving():
                yield
        finally:
            self.watching -= 1

    async def read(self, checkout_id: str) -> tuple[Mapping[str, Any], bool]:
        """The status as clients see it, and whether it is final; one that is gone is."""
        found = await self._reading(checkout_id)
        return ({}, True) if found is None else (status_view(*found), found[1].is_final)

    async def rest(self) -> bool:
        """Wait for the next look; False when there is none, as the process shuts down."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self.pause_seconds)
        return not self._ended.is_set()

    def end(self) -> None:
        """End every stream."""
        self._ended.set()


class CheckoutStream(StreamingResponse):
    """Watches one checkout as long as the client is there, and not a moment longer."""

    media_type = EVENT_STREAM

    def __init__(
        self, watchers: CheckoutWatchers, checkout_id: str, heartbeat_seconds: float
    ) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(iter(()), headers=headers)
        self._watchers, self._checkout_id = watchers, checkout_id
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send states until one is final, the client goes, or the process shuts down."""

        async def send_in_time(message: Message) -> None:
            await asyncio.wait_for(send(message), SEND_SECONDS)

        with self._watchers.watch(), suppress(TimeoutError):
            self.body_iterator = self._frames()
            await super().__call__(scope, receive, send_in_time)

    async def _frames(self) -> AsyncIterator[bytes]:
        yield format_sse_event(retry=RECONNECT_MS)
        began = sent_at = time.monotonic()
        latest: Mapping[str, Any] = {}
        while time.monotonic() - began < LONGEST_SECONDS:
            state, is_final = await self._read(latest)
            if _apart_from_time(state) != _apart_from_time(latest):
                latest, sent_at = state, time.monotonic()
                yield format_sse_event(data_str=encode(state).decode(), event="status")
            elif time.monotonic() - sent_at > self._heartbeat_seconds:
                sent_at = time.monotonic()
                yield KEEPALIVE_COMMENT
            if is_final or not await self._watchers.rest():
                return

    async def _read(self, latest: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        try:
            return await self._watchers.read(self._checkout_id)
        except Unavailable:  # it is told when it is known again
            return latest, False


def _apart_from_time(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is news: that time passes is none."""
    return {name: value for name, value in state.items() if name != "processingTime"}
