"""What many watchers read at a time: the status of O-8, and how jobs and queues stand."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import QueueDepth, QueueState, RunStore
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.http.fresh_status import Ages, Fresh
from pedidos_orchestrator.projections import status_of
from pedidos_orchestrator.times import iso
from pedidos_orchestrator.use_cases.queue_health import (
    QueueFacts,
    count_all,
    count_done,
    look_at_queues,
)

QUEUE_STATE_SECONDS = 1.0
DONE_TIMES = 15.0  # what is done is counted so much more seldom than what is not


class CachedQueueState:
    """The queue's state, at most a second old; what this process writes is seen at once."""

    def __init__(self, source: QueueState, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._state: str | None = None
        self._read_at = 0.0

    async def read(self) -> str:
        """The state."""
        if self._state is None or self._clock() - self._read_at > QUEUE_STATE_SECONDS:
            self._keep(await self._source.read())
        return self._state or "running"

    async def write(self, state: str) -> None:
        """Change it."""
        await self._source.write(state)
        self._keep(state)

    def _keep(self, state: str) -> None:
        self._state, self._read_at = state, self._clock()


def status_reader(
    runs: RunStore, queue_state: CachedQueueState, limit_seconds: float
) -> Callable[[], Awaitable[bytes]]:
    """A function that gives the present status as JSON, or raises Unavailable in that time.

    One read serves many, so it must end by itself: none of them can break it off.
    """

    async def read() -> bytes:
        async with _within(limit_seconds, "status"):
            run = await runs.current()
            return encode(status_of(run, await queue_state.read()))

    return read


def shared_counts(deps: Deps, settings: ApiSettings) -> Fresh[Sequence[QueueDepth]]:
    """Each queue's jobs by status; all who ask share a look."""

    async def read() -> Sequence[QueueDepth]:
        async with _within(settings.read_seconds, "counts of jobs"):
            return await count_all(deps)

    return Fresh(read, ages=_counted(settings))


def shared_queues(deps: Deps, settings: ApiSettings) -> Fresh[Sequence[QueueFacts]]:
    """How each queue is; all who ask share a look, and a rarer one at what is done."""

    async def read_done() -> Sequence[QueueDepth]:
        async with _within(settings.read_seconds, "count of what is done"):
            return await count_done(deps)

    done = Fresh(read_done, ages=_counted(settings, DONE_TIMES))

    async def read() -> Sequence[QueueFacts]:
        async with _within(settings.read_seconds, "look at the queues"):
            return await look_at_queues(deps, settings, done)

    return Fresh(read, ages=_counted(settings))


def _counted(settings: ApiSettings, times: float = 1.0) -> Ages:
    oldest = times * settings.counts_seconds
    return Ages(oldest, oldest_while_reading=oldest, refresh_after=oldest)


@asynccontextmanager
async def _within(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unavailable(f"no {what} within {seconds:g} s") from None


def encode(value: Any) -> bytes:
    """Compact JSON; times in ISO 8601."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
