"""How late the event loop is: whatever blocks it holds up every job, request and probe."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, Histogram

SAMPLE_EVERY_SECONDS = 0.25
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PART_SECONDS, PARTS = 5.0, 12


class LoopLag:
    """Samples how much later than due a timer of the loop fires.

    Exposed as the histogram `pedidos_event_loop_lag_seconds` and the gauge
    `pedidos_event_loop_lag_max_seconds`, the most of the last minute. A block that lasts shorter
    than `SAMPLE_EVERY_SECONDS` is met by chance, as by any other timer.
    """

    def __init__(
        self, registry: CollectorRegistry, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._seconds = Histogram(
            "pedidos_event_loop_lag_seconds",
            "How much later than due a timer of the event loop fired.",
            buckets=LAG_SECONDS,
            registry=registry,
        )
        self._most: deque[tuple[int, float]] = deque(maxlen=PARTS)
        gauge = Gauge(
            "pedidos_event_loop_lag_max_seconds",
            "The most that a timer of the event loop was late in the last minute.",
            registry=registry,
        )
        gauge.set_function(self.most_of_last_minute)

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            due = self._monotonic() + SAMPLE_EVERY_SECONDS
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)
            self.note(max(0.0, self._monotonic() - due))

    def note(self, seconds: float) -> None:
        """One sample: a timer was so late."""
        self._seconds.observe(seconds)
        part = self._part()
        if self._most and self._most[-1][0] == part:
            seconds = max(seconds, self._most.pop()[1])
        self._most.append((part, seconds))

    def most_of_last_minute(self) -> float:
        """The largest sample of about a minute; 0 without any."""
        oldest = self._part() - PARTS
        return max((most for part, most in self._most if part > oldest), default=0.0)

    def _part(self) -> int:
        return int(self._monotonic() // PART_SECONDS)
