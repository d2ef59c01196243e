"""Jobs wait here until their queue's rate lets them begin."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from pedidos_common.domain.jobs import Outcome, Released, Retry
from pedidos_common.domain.queues import Rate
from pedidos_common.ports import Turnstile

LONGEST_WAIT_SECONDS = 5.0


class Turns:
    """One job of a queue asks at a time, first come first served; without a rate none does.

    A job that waits holds its slot and its lease, so it is given back where that takes long. As
    long as it is known that there is no room, no other job of the queue needs to come.
    """

    def __init__(
        self,
        turnstile: Turnstile | None = None,
        rates: Mapping[str, Rate] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._turnstile, self._monotonic = turnstile, monotonic
        self._rates = dict(rates or {}) if turnstile is not None else {}
        self._lines: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._full_until: dict[str, float] = {}

    def may_come(self, queue: str) -> bool:
        """Whether a job that came now might begin."""
        return self._monotonic() >= self._full_until.get(queue, 0.0)

    async def turn(self, queue: str, is_stopping: Callable[[], bool]) -> Outcome | None:
        """None as soon as the job may begin; else how to give it back, where it has to wait longer.

        Raises:
            Unavailable: when nobody can tell; then nothing may begin.
        """
        rate = self._rates.get(queue)
        if rate is None or self._turnstile is None:
            return None
        give_up_at = self._monotonic() + LONGEST_WAIT_SECONDS
        async with self._lines[queue]:
            while wait := await self._turnstile.enter(queue, rate):
                self._full_until[queue] = self._monotonic() + wait
                if is_stopping():
                    return Released()
                if self._monotonic() + wait > give_up_at:
                    reason = f"{queue} is at its rate of {rate}: it waits for room"
                    return Retry(reason, wait, deferred=True)
                await asyncio.sleep(wait)
        return None
