"""How often jobs of queues begin, counted in memory."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from pedidos_common.domain.queues import Rate


class InMemoryTurnstile:
    """The moments of the last beginnings of each queue; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: defaultdict[tuple[str, Rate], deque[float]] = defaultdict(deque)

    async def enter(self, queue: str, rate: Rate) -> float:
        """See `ports.Turnstile.enter`."""
        now, begun = self._clock(), self._begun[queue, rate]
        if len(begun) >= rate.jobs:
            wait = begun[0] + rate.seconds - now
            if wait >= 0.0:
                return wait + 0.002
            begun.popleft()
        begun.append(now)
        return 0.0
