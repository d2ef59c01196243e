"""From seconds of work to a number of workers: two more at once, one less after a while.

The numbers are those of `deploy/k8s/components/keda/worker.yaml`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pedidos_cli.autoscale.bounds import Bounds

ADDED_AT_ONCE = 2
TAKEN_AT_ONCE = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds.

    Attributes:
        target: seconds of waiting work for each worker, above which more are started.
        look: between two looks.
        add: at least between two times that workers are added.
        patience: for how long fewer must be enough before one is taken away.
        take: at least between two times that one is taken away.
    """

    target: float = 10.0
    look: float = 5.0
    add: float = 15.0
    patience: float = 120.0
    take: float = 60.0


class Policy:
    """Decides, look for look, how many workers there should be."""

    def __init__(self, bounds: Bounds, pace: Pace) -> None:
        self._bounds = bounds
        self._pace = pace
        self._added_at = -math.inf
        self._taken_at = -math.inf
        self._needed_at: float | None = None

    def decide(self, now: float, work_seconds: float, workers: int) -> int:
        """How many of the `workers` there should be instead, at `now` of a steady clock."""
        needed = math.ceil(work_seconds / self._pace.target)
        if needed >= workers or self._needed_at is None:
            self._needed_at = now
        if needed > workers and now >= self._added_at + self._pace.add:
            self._added_at = now
            return self._bounds.nearest(workers + ADDED_AT_ONCE)
        fewer_for = now - self._needed_at
        if fewer_for >= self._pace.patience and now >= self._taken_at + self._pace.take:
            self._taken_at = now
            return self._bounds.nearest(workers - TAKEN_AT_ONCE)
        return self._bounds.nearest(workers)
