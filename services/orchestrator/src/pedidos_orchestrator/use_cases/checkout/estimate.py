"""How long a checkout will take, by one of the last that was watched to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from pedidos_common.domain.errors import PedidosError

FIRST_GUESS_SECONDS = 1.5
LOOK_SECONDS = 0.5
GIVE_UP_SECONDS = 120.0
WEIGHT = 0.4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """How long a checkout took, in milliseconds; None while it is open."""

    took_ms: float | None = None
    waits_for_customer: bool = False


Look = Callable[[str], Awaitable[Seen]]


class Estimate:
    """Watches one checkout at a time, whatever comes in meanwhile.

    While that one is open its age counts where it is more: an estimate never falls behind a queue
    that grows. One that waits for its customer says nothing of the queues, and is left alone.
    """

    def __init__(self, look: Look, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._seconds: float | None = None
        self._watched_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def milliseconds(self) -> int:
        """What a checkout is expected to take from now on."""
        known = FIRST_GUESS_SECONDS if self._seconds is None else self._seconds
        since = self._watched_since
        age = 0.0 if since is None else self._clock() - since
        return round(1000 * max(known, age))

    def accepted(self, checkout_id: str) -> None:
        """One was taken in: it is watched, unless another is."""
        if self._task is None or self._task.done():
            self._watched_since = self._clock()
            self._task = asyncio.create_task(self._watch(checkout_id), name="watch a checkout")

    async def _watch(self, checkout_id: str) -> None:
        began = self._clock()
        try:
            while self._clock() - began < GIVE_UP_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
                seen = await self._look(checkout_id)
                if seen.took_ms is not None:
                    self._note(seen.took_ms / 1000)
                if seen.took_ms is not None or seen.waits_for_customer:
                    return
            self._note(GIVE_UP_SECONDS)
        except PedidosError as error:
            log.debug("checkout_not_watched", error=str(error)[:200])
        finally:
            self._watched_since = None

    def _note(self, seconds: float) -> None:
        before = seconds if self._seconds is None else self._seconds
        self._seconds = before + WEIGHT * (seconds - before)
