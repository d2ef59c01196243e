"""What was read a moment ago, so that many readers cost one read, and a busy database no waiting.

A read of the status takes a millisecond on an idle machine, and tens of them while workers keep
every core busy. Whoever asks often gets what the last read brought while the next read goes on
behind it (at most `Ages.oldest` old, and `Ages.oldest_while_reading` where that read is slow);
whoever asks seldom waits for a read. However many ask, one read is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_orchestrator.methods import SAFE_METHODS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ages:
    """How old what is given may be, in seconds, and how old it is when it is read anew."""

    oldest: float
    oldest_while_reading: float
    refresh_after: float


OF_THE_STATUS = Ages(oldest=0.25, oldest_while_reading=1.0, refresh_after=0.1)


class Fresh(Generic[T]):
    """Reads through `read`; `forget` makes the next reader wait for a new read.

    One read serves many, so `read` must end by itself: none of them can break it off.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[T]],
        clock: Callable[[], float] = time.monotonic,
        ages: Ages = OF_THE_STATUS,
    ) -> None:
        self._read = read
        self._clock = clock
        self._ages = ages
        self._state: T | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """What was read, a moment old at most.

        Raises:
            Unavailable: when it has to be read, and the store does not answer.
        """
        age = self._clock() - self._read_at
        ages = self._ages
        oldest = ages.oldest if self._reading is None else ages.oldest_while_reading
        if self._state is None or age > oldest:
            return await asyncio.shield(self._under_way())
        if age > ages.refresh_after:
            self._begin()
        return self._state

    def forget(self) -> None:
        """What was read, or is being read, may be older than what has just been written."""
        self._state, self._reading = None, None

    def _begin(self) -> None:
        if self._reading is None:
            self._reading = asyncio.create_task(self._refresh(), name="refresh")
            self._reading.add_done_callback(self._done)

    def _under_way(self) -> asyncio.Task[T]:
        self._begin()
        assert self._reading is not None  # noqa: S101 - it was just made
        return self._reading

    async def _refresh(self) -> T:
        started_at = self._clock()
        state = await self._read()
        if self._reading is asyncio.current_task():
            self._state, self._read_at = state, started_at
        return state

    def _done(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else needs it
        if self._reading is task:
            self._reading = None


class WritesAreSeen:
    """Before a request that may have changed something is answered, what was read is forgotten.

    What comes in on the paths `apart` changes nothing of it, and comes often.
    """

    def __init__(
        self, app: ASGIApp, readings: Sequence[Fresh[Any]], apart: AbstractSet[str] = frozenset()
    ) -> None:
        self._app = app
        self._readings, self._apart = readings, apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_safe = scope["type"] != "http" or scope["method"] in SAFE_METHODS
        if is_safe or scope["path"] in self._apart:
            await self._app(scope, receive, send)
            return

        async def forgetting(message: Message) -> None:
            for reading in self._readings:
                reading.forget()
            await send(message)

        await self._app(scope, receive, forgetting)
