"""How many orders a shop's handler is given at once: about a second's worth of them.

Between two slices a batch writes what it has, looks at its lease and at whether it should stop. So
a slow handler is given few orders, that progress and a shutdown don't wait for long, and a quick
one many, that reading and writing cost little for each.
"""

from __future__ import annotations

TARGET_SECONDS = 1.0
LARGEST_STEP = 2
REMEMBERED = 30


class SlicePace:
    """A size between `smallest` and `largest`, always a multiple of `smallest`; begins at `start`.

    All batches of a worker share it, as they share the handler.
    """

    def __init__(
        self,
        smallest: int,
        largest: int,
        start: int | None = None,
        target_seconds: float = TARGET_SECONDS,
    ) -> None:
        self._smallest, self._largest = smallest, max(largest, smallest)
        self.target_seconds = target_seconds
        self.size = self._within(start or smallest)
        self._slices = 0
        self._latest: dict[int, tuple[int, int, float]] = {}

    def took(self, orders: int, seconds: float, offered: int | None = None) -> None:
        """So many orders took so long; of more that were `offered` there was no time for the rest.

        A slice that was much smaller than it might have been says nothing about how large one
        should be.
        """
        self._slices += 1
        if offered is not None and orders < offered:
            self.size = min(self.size, self._within(orders))
        elif 2 * orders >= self.size and seconds > 1.5 * self.target_seconds:
            self._become(self._better_size(orders, seconds), orders)
        elif orders >= self.size and seconds < self.target_seconds / 2:
            self._become(self.target_seconds * orders / max(seconds, 1e-9), orders)
        self._latest[orders.bit_length()] = (self._slices, orders, seconds)

    def _better_size(self, orders: int, seconds: float) -> float:
        """By what one order more costs: by comparison with the latest slice of another size.

        A call may cost the same for however many orders, and be no quicker for fewer. Without
        anything to compare with, another size is tried.
        """
        others = [
            other
            for size_class, other in self._latest.items()
            if size_class != orders.bit_length() and self._slices - other[0] < REMEMBERED
        ]
        if not others:
            return orders / 2 if self.size > self._smallest else orders * 2
        _, other_orders, other_seconds = max(others)
        order_seconds = (seconds - other_seconds) / (orders - other_orders)
        return self.target_seconds / max(order_seconds, 1e-9)

    def _become(self, wanted: float, orders: int) -> None:
        self.size = self._within(min(wanted, orders * LARGEST_STEP))

    def _within(self, wanted: float) -> int:
        most = max(self._smallest, min(wanted, self._largest))
        return int(most // self._smallest) * self._smallest
