"""What stands before each call of a provider: a bulkhead, a circuit breaker and a time limit."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol, TypeVar

import structlog

from pedidos_checkout.ports import (
    ProviderLimited,
    ProviderPaused,
    ProviderRefused,
    ProviderUnavailable,
)
from pedidos_common.domain.breakers import Admitted, Paused
from pedidos_common.ports import Breakers

log = structlog.get_logger(__name__)
T = TypeVar("T")
LOOK_UP = "lookup"  # the operation that changes nothing
FULL_SECONDS = 1.0  # how soon a place may be free
LONG_PART = 0.5  # of its time limit; a call that is cancelled sooner might have been answered
# so that not all that were deferred together come back together
SPREAD, LEAST_SPREAD_SECONDS = 0.2, 0.5


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # a no is an answer
    PUT_OFF = "put_off"  # not now, for reasons of this one call
    BUSY = "busy"  # the same call is still under way there
    LIMITED = "limited"  # it asks for fewer calls
    UNAVAILABLE = "unavailable"  # no answer for long, or one of a server in trouble
    PAUSED = "paused"  # not sent: the breaker is open
    FULL = "full"  # not sent: as many are under way and waiting as may be
    BROKEN = "broken"  # cancelled soon, or an error of ours: says nothing of the provider


FAILURES = frozenset({Outcome.LIMITED, Outcome.UNAVAILABLE})


class CallWatch(Protocol):
    """Is told of calls of one provider."""

    def ended(self, operation: str, outcome: Outcome, seconds: float | None) -> None:
        """One came to its end, after so long where it was sent at all."""
        ...

    def stands(self, in_flight: int, waiting: int) -> None:
        """How many are under way, and wait to be."""
        ...

    def opened(self) -> None:
        """Its breaker was opened by a call of this process."""
        ...


class BulkheadFull(ProviderPaused):
    """As many calls are under way and waiting in this process as may be."""

    def __init__(self, provider: str) -> None:
        because = "this process has as many calls to it under way as it may (PROVIDER_CONCURRENCY)"
        super().__init__(provider, spread(FULL_SECONDS), because)


class Bulkhead:
    """So many calls at once; `waiting` more wait, for `patience_seconds` at most."""

    def __init__(self, provider: str, places: int, waiting: int, patience_seconds: float) -> None:
        self._provider, self._patience_seconds = provider, patience_seconds
        self._places = asyncio.Semaphore(places)
        self._most_waiting = waiting
        self.in_flight = self.waiting = 0

    @asynccontextmanager
    async def place(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Hold a place; `changed` is told of each change of the two numbers.

        Raises:
            BulkheadFull: when none was to be had.
        """
        await self._wait(changed)
        self.in_flight += 1
        changed()
        try:
            yield
        finally:
            self.in_flight -= 1
            self._places.release()
            changed()

    async def _wait(self, changed: Callable[[], None]) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        if self.waiting >= self._most_waiting:
            raise BulkheadFull(self._provider)
        self.waiting += 1
        changed()
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise BulkheadFull(self._provider) from None
        finally:
            self.waiting -= 1
            changed()


class Guard:
    """Makes calls of one provider, each bounded, none while its breaker is open."""

    def __init__(
        self,
        provider: str,
        breakers: Breakers,
        bulkhead: Bulkhead,
        timeout_seconds: float,
        watch: CallWatch,
    ) -> None:
        self._provider, self._breakers, self._bulkhead = provider, breakers, bulkhead
        self._timeout_seconds, self._watch = timeout_seconds, watch

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """What the call returns.

        Raises:
            ProviderPaused: when nothing was sent, or too much was.
            ProviderUnavailable: when no answer came, in time or at all.
            ProviderRefused: when the provider said no.
        """
        try:
            async with self._bulkhead.place(self._tell):
                return await self._made(operation, call, await self._admitted(operation))
        except BulkheadFull:
            self._watch.ended(operation, Outcome.FULL, None)
            raise

    def _tell(self) -> None:
        self._watch.stands(self._bulkhead.in_flight, self._bulkhead.waiting)

    async def _admitted(self, operation: str) -> Admitted:
        found = await self._breakers.admit(self._provider)
        if isinstance(found, Paused):
            self._watch.ended(operation, Outcome.PAUSED, None)
            raise ProviderPaused(self._provider, spread(found.seconds))
        return found

    async def _made(
        self, operation: str, call: Callable[[], Awaitable[T]], admitted: Admitted
    ) -> T:
        began, outcome = time.monotonic(), Outcome.BROKEN
        try:
            answer = await self._in_time(operation, call)
            outcome = Outcome.ANSWERED
            return answer
        except Exception as error:
            outcome = _outcome_of(error)
            raise
        except asyncio.CancelledError:
            if time.monotonic() - began >= self._timeout_seconds * LONG_PART:
                outcome = Outcome.UNAVAILABLE
            raise
        finally:
            self._watch.ended(operation, outcome, time.monotonic() - began)
            await self._note(outcome, admitted, look_up=operation == LOOK_UP)

    async def _in_time(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await call()
        except TimeoutError:
            reason = f"not within {self._timeout_seconds:g} s, PROVIDER_TIMEOUT_MS"
            raise ProviderUnavailable(self._provider, operation, reason) from None

    async def _note(self, outcome: Outcome, admitted: Admitted, *, look_up: bool) -> None:
        if outcome in FAILURES:
            if await self._breakers.failed(self._provider, admitted, look_up=look_up):
                self._watch.opened()
                log.warning("provider_paused", provider=self._provider)
        elif outcome is not Outcome.BROKEN:
            await self._breakers.succeeded(self._provider, admitted, look_up=look_up)


def spread(seconds: float) -> float:
    """So long or a little longer, at random."""
    return seconds + random.random() * max(seconds * SPREAD, LEAST_SPREAD_SECONDS)


def _outcome_of(error: Exception) -> Outcome:
    match error:
        case ProviderRefused():
            return Outcome.REFUSED
        case ProviderUnavailable():
            return Outcome.UNAVAILABLE if error.blames_provider else Outcome.PUT_OFF
        case ProviderLimited():
            return Outcome.LIMITED
        case ProviderPaused():
            return Outcome.BUSY
    return Outcome.BROKEN
