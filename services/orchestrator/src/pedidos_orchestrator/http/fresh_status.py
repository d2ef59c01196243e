"""The status as it was a moment ago, so that a busy database never makes a reader wait.

A read takes a millisecond on an idle machine, and tens of them while workers keep every core
busy. Whoever asks often gets what the last read brought while the next read goes on behind it
(at most `OLDEST_SECONDS` old, and `OLDEST_WHILE_READING_SECONDS` where that read is slow);
whoever asks seldom waits for a read. However many ask, one read is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

OLDEST_SECONDS = 0.25
OLDEST_WHILE_READING_SECONDS = 1.0
REFRESH_AFTER_SECONDS = 0.1
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class FreshStatus:
    """Reads through `read`; `forget` makes the next reader wait for a new read."""

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._state: bytes | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[bytes] | None = None

    async def __call__(self) -> bytes:
        """The status, a moment old at most.

        Raises:
            Unavailable: when it has to be read, and the store does not answer.
        """
        age = self._clock() - self._read_at
        oldest = OLDEST_SECONDS if self._reading is None else OLDEST_WHILE_READING_SECONDS
        if self._state is None or age > oldest:
            return await asyncio.shield(self._under_way())
        if age > REFRESH_AFTER_SECONDS:
            self._begin()
        return self._state

    def forget(self) -> None:
        """What was read, or is being read, may be older than what has just been written."""
        self._state, self._reading = None, None

    def _begin(self) -> None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._refresh(), name="status-refresh")
            self._reading.add_done_callback(self._done)

    def _under_way(self) -> asyncio.Task[bytes]:
        self._begin()
        assert self._reading is not None  # noqa: S101 - it was just made
        return self._reading

    async def _refresh(self) -> bytes:
        started_at = self._clock()
        state = await self._read()
        if self._reading is asyncio.current_task():
            self._state, self._read_at = state, started_at
        return state

    def _done(self, task: asyncio.Task[bytes]) -> None:
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else needs it
        if self._reading is task:
            self._reading = None


class WritesAreSeen:
    """Before a request that may have changed something is answered, the old status is forgotten."""

    def __init__(self, app: ASGIApp, status: FreshStatus) -> None:
        self._app = app
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return

        async def forgetting(message: Message) -> None:
            self._status.forget()
            await send(message)

        await self._app(scope, receive, forgetting)
