"""How many requests a second each key may send, by the generic cell rate algorithm.

It keeps one time a key and reads the monotonic clock. The libraries looked at count in memory by
the wall clock and start a thread or a task for each request.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_SECONDS = 2.0
MOST_NAMES = 2_000
ROUNDING_SECONDS = 1e-6  # what sums of gaps may be off


class RateLimit:
    """Lets each name do `per_second` on average, and twice that much in a moment."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1.0 / per_second
        self._ahead = max(BURST_SECONDS - self._gap, 0.0)
        self._clock = clock
        self._free_at: dict[str, float] = {}

    def wait_seconds(self, name: str) -> float:
        """0.0 where one more is within the limit, which it then counts; else how long it is not."""
        now = self._clock()
        free_at = max(self._free_at.get(name, now), now)
        wait = free_at - now - self._ahead
        if wait > ROUNDING_SECONDS:
            return wait
        if len(self._free_at) >= MOST_NAMES:
            self._forget(now)
        self._free_at[name] = free_at + self._gap
        return 0.0

    def _forget(self, now: float) -> None:
        """Names that have sent nothing for a while are as good as new ones."""
        self._free_at = {name: at for name, at in self._free_at.items() if at > now}
