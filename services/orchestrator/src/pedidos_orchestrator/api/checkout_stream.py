"""One checkout's status as server-sent events, until it is final."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Message, Receive, Scope, Send

from pedidos_common.domain.errors import Unavailable
from pedidos_orchestrator.api.checkout_watchers import CheckoutWatchers
from pedidos_orchestrator.api.status_reading import encode
from pedidos_orchestrator.api.stream import EVENT_STREAM, RECONNECT_MS, SEND_SECONDS

LONGEST_SECONDS = 3_600.0


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
