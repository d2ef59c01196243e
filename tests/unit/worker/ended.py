"""Keeps how many orders a job said that it ended."""

from __future__ import annotations

from collections import Counter

from pedidos_common.domain.orders import Priority


class Ended(Counter[tuple[str, str]]):
    """(priority, outcome) of each write, summed."""

    def __call__(self, priority: Priority, *, processed: int = 0, failed: int = 0) -> None:
        self.update({(priority.value, "processed"): processed, (priority.value, "failed"): failed})
