"""Let so many writes go on at once as the server takes well; the others wait in turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.execution.latency_limit import Write

log = structlog.get_logger(__name__)
LOG_EVERY_SECONDS = 30.0
# longer than every write that is merely slow takes: it waits for a connection that is dead
STUCK_SECONDS = 5.0
STUCK_LATENCIES = 10
TURN_SECONDS = 60.0


class Size(Protocol):
    """How many may go on: a `LatencyLimit`, or a `Constant`."""

    @property
    def limit(self) -> int:
        """How many when enough want to."""
        ...

    @property
    def allowed(self) -> int:
        """How many at this moment."""
        ...

    def ended(self, write: Write) -> None:
        """A write succeeded."""
        ...

    def failed(self, began_at: float, now: float) -> None:
        """A write that had begun then found no server, or no answer in time."""
        ...


class Constant:
    """Always as many."""

    def __init__(self, limit: int) -> None:
        self.limit = self.allowed = limit

    def ended(self, write: Write) -> None:
        """Changes nothing."""

    def failed(self, began_at: float, now: float) -> None:
        """Changes nothing."""


class WriteWatch(Protocol):
    """Who is told of writes: a metric."""

    def wrote(self, seconds: float) -> None:
        """A write succeeded, and took so long."""
        ...

    def stands(self, limit: int, in_flight: int) -> None:
        """How many writes may go on side by side, and how many do."""
        ...


class Unwatched:
    """Nobody is told."""

    def wrote(self, seconds: float) -> None:
        """See `WriteWatch`."""

    def stands(self, limit: int, in_flight: int) -> None:
        """See `WriteWatch`."""


@dataclass(slots=True)
class _Place:
    """That a write goes on; given back once."""

    is_taken: bool = True


class WriteLimiter:
    """A semaphore whose size may change, and is told how writes went.

    First come, first served. A waiter that is cancelled takes no one's place, and nothing is
    awaited on the way out. A write that is stuck takes no place any more: it holds up nobody but
    itself. For one event loop.
    """

    def __init__(
        self,
        size: Size,
        watch: WriteWatch | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size = size
        self._watch, self._monotonic = watch or Unwatched(), monotonic
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._in_flight, self._last_seconds = 0, 0.0
        self._logged, self._logged_at = self._size.limit, monotonic()
        self._watch.stands(self._size.limit, 0)

    @property
    def limit(self) -> int:
        """How many writes go on at once when enough want to."""
        return self._size.limit

    @property
    def in_flight(self) -> int:
        """How many writes go on."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        return len(self._waiting)

    @asynccontextmanager
    async def writing(self, orders: int) -> AsyncIterator[None]:
        """Write so many orders inside; waits for its turn.

        What is learnt from: how long it took, unless it raised, and whether it raised
        `Unavailable`.

        Raises:
            Unavailable: when its turn did not come within `TURN_SECONDS`.
        """
        await self._turn_in_time()
        began_at, beside, place = self._monotonic(), self._in_flight, _Place()
        stuck = self._when_stuck(place)
        try:
            yield
            beside = max(beside, self._in_flight)
            self._succeeded(Write(orders, began_at, self._monotonic(), beside))
        except Unavailable:
            self._size.failed(began_at, self._monotonic())
            raise
        finally:
            stuck.cancel()
            self._leave(place)

    def _when_stuck(self, place: _Place) -> asyncio.TimerHandle:
        seconds = max(STUCK_SECONDS, STUCK_LATENCIES * self._last_seconds)
        return asyncio.get_running_loop().call_later(seconds, self._pass_by, place)

    def _pass_by(self, place: _Place) -> None:
        log.warning("order_write_stuck", in_flight=self._in_flight, waiting=self.waiting)
        self._leave(place)

    def _leave(self, place: _Place) -> None:
        if place.is_taken:
            place.is_taken = False
            self._in_flight -= 1
            self._admit()

    async def _turn_in_time(self) -> None:
        if not self._waiting and self._in_flight < self._size.allowed:
            self._enter()
            return
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn()
        except TimeoutError:
            raise Unavailable(
                f"MongoDB is slow: no turn to write came within {TURN_SECONDS:.0f} s"
            ) from None

    def _enter(self) -> None:
        self._in_flight += 1
        self._watch.stands(self._size.limit, self._in_flight)

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            else:  # its turn and its cancellation came in the same moment
                self._in_flight -= 1
            self._admit()
            raise

    def _admit(self) -> None:
        """Give turns to those that wait longest, as many as may go on."""
        for turn in list(self._waiting):
            if self._in_flight >= self._size.allowed:
                break
            if not turn.done():
                self._waiting.remove(turn)
                self._in_flight += 1
                turn.set_result(None)
        self._watch.stands(self._size.limit, self._in_flight)

    def _succeeded(self, write: Write) -> None:
        self._last_seconds = write.ended_at - write.began_at
        self._size.ended(write)
        self._watch.wrote(write.ended_at - write.began_at)
        self._log_much(write.ended_at)

    def _log_much(self, now: float) -> None:
        """One line where it has doubled or halved since the last, and not often."""
        limit, known = self._size.limit, self._logged
        if 2 * known > limit > known / 2 or now - self._logged_at < LOG_EVERY_SECONDS:
            return
        self._logged, self._logged_at = limit, now
        log.info("write_limit_changed", limit=limit, before=known)
