"""From a queue's waiting jobs to a number of its worker processes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pedidos_common.domain.queues import Scale


@dataclass(frozen=True, slots=True)
class QueuePace:
    """Times in seconds.

    Attributes:
        look: between two looks.
        grow: at least between a step and the next one up.
        shrink: at least between a step and the next one down.
    """

    look: float = 2.0
    grow: float = 15.0
    shrink: float = 60.0


class QueueScaling:
    """Decides, look for look, how many processes should serve one queue."""

    def __init__(self, scale: Scale, pace: QueuePace) -> None:
        self._scale, self._pace = scale, pace
        self._stepped_at = -math.inf

    def decide(self, now: float, waiting: float, processes: int) -> int:
        """How many of the `processes` there should be instead, at `now` of a steady clock."""
        wanted = self._within(self._wanted(now, waiting, processes))
        if wanted != processes:
            self._stepped_at = now
        return wanted

    def _wanted(self, now: float, waiting: float, processes: int) -> int:
        since = now - self._stepped_at
        if waiting > self._scale.grow_above and since >= self._pace.grow:
            return processes + self._scale.grow_by
        if waiting < self._scale.shrink_below and since >= self._pace.shrink:
            return processes - 1
        return processes

    def _within(self, count: int) -> int:
        return max(self._scale.least, min(self._scale.most, count))
