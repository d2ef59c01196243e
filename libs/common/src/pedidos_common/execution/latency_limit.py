"""How many writes may go on side by side: found by their latency, as TCP Vegas finds its window.

A server with c processors takes c writes side by side as quickly as one alone; of n > c it holds
n - c in a queue, and each takes n/c times as long. So from how long writes take, and how long they
take alone, follows how many queue: `n * (1 - alone / now)`. Fewer than a few: one more may go on;
more than that: fewer may. Who shares a server takes the load of the others for its nature, and one
more looks cheap to each of them. So the second one is held to more: where two queue for each other
at all, one goes on alone for a while.

How long a write takes alone is learnt by probes, as TCP BBR does it: every now and then writes go
one at a time for a moment. Without that a busy server is soon taken for one that is slow by
nature, and the limit creeps up without end.

Nothing here reads a clock or waits: times are arguments, in seconds of any monotonic clock.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from statistics import median

WINDOW_SECONDS = 0.1
WINDOW_WRITES = 8
QUIET_WRITES = 5
PROBE_WRITES = 3
PROBE_EVERY_SECONDS = 10.0
PROBE_EVERY_LATENCIES = 200.0
# of two writes that take turns with one of another's, two thirds of one queue
FEW_OF_TWO = 0.4
PATIENCE_SECONDS = 5.0
LARGEST_CLASS = 20


@dataclass(frozen=True, slots=True)
class Write:
    """One write that succeeded.

    `beside` is how many went on at its begin or its end, whichever is more, itself included.
    """

    orders: int
    began_at: float
    ended_at: float
    beside: int

    @property
    def order_seconds(self) -> float:
        """How long it took for each of its orders."""
        return (self.ended_at - self.began_at) / self.orders

    @property
    def size_class(self) -> int:
        """Writes of a class are alike: a small one costs more for each of its orders."""
        return min(self.orders.bit_length(), LARGEST_CLASS)


class LatencyLimit:
    """Between 1 and `most`, beginning at `start`; steered by what `ended` and `failed` tell it.

    Memory is bounded by the writes of a window, which is `WINDOW_SECONDS` long or, where these are
    slow, as long as it takes to see a few.
    """

    def __init__(self, most: int, start: int) -> None:
        self._most = most
        self._limit = max(1, min(start, most))
        self._quiet: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=QUIET_WRITES))
        self._asked: set[int] = set()
        self._probes_left = PROBE_WRITES
        self._probed_at = 0.0
        self._cut_at = float("-inf")
        self._rises_from = float("-inf")
        self._opened_at = float("-inf")
        self._slowness: list[float] = []
        self._seen = self._peak = 0

    @property
    def limit(self) -> int:
        """How many writes the server takes side by side, as far as is known."""
        return self._limit

    @property
    def allowed(self) -> int:
        """How many may go on now: the limit, and one during a probe."""
        return 1 if self._probes_left else self._limit

    def ended(self, write: Write) -> None:
        """Learn from a write that succeeded."""
        if write.orders < 1 or write.ended_at <= write.began_at:
            return
        if write.beside == 1:
            self._learn_quiet(write)
        if self._probes_left:
            return
        if write.began_at >= self._opened_at:
            self._note(write)
        self._probe_if_due(write)

    def failed(self, began_at: float, now: float) -> None:
        """A write found no server, or no answer in time: half as many may go on.

        Writes that had begun before the last such cut say nothing new.
        """
        if began_at < self._cut_at:
            return
        self._cut_at = now
        self._limit = max(1, self._limit // 2)
        self._open_window(now)

    def _learn_quiet(self, write: Write) -> None:
        self._quiet[write.size_class].append(write.order_seconds)
        if self._probes_left:
            self._probes_left -= 1
            if not self._probes_left:
                self._probed_at = write.ended_at
                self._open_window(write.ended_at)

    def _note(self, write: Write) -> None:
        self._seen += 1
        self._peak = max(self._peak, write.beside)
        quiet = self._quiet.get(write.size_class)
        if quiet:
            self._slowness.append(write.order_seconds / median(quiet))
        long_enough = write.ended_at - self._opened_at >= WINDOW_SECONDS
        if long_enough and self._seen >= max(WINDOW_WRITES, 2 * self._limit):
            if self._slowness:
                self._adjust(median(self._slowness), write.ended_at)
            self._open_window(write.ended_at)

    def _adjust(self, slowness: float, now: float) -> None:
        """One step, by a window in which writes took so many times as long as alone."""
        side_by_side = min(self._peak, self._limit)
        queued = side_by_side * (1 - 1 / max(slowness, 1.0))
        few, many = _bounds(self._limit)
        if queued > many:
            self._limit = max(1, side_by_side - max(1, round((queued - many) / 2)))
            if self._limit == 1:
                self._rises_from = now + PATIENCE_SECONDS
        elif queued < few and side_by_side == self._limit and now >= self._rises_from:
            self._limit = min(self._limit + 1, self._most)

    def _open_window(self, now: float) -> None:
        self._opened_at, self._slowness = now, []
        self._seen = self._peak = 0

    def _probe_if_due(self, write: Write) -> None:
        """Seldom enough that probes cost next to nothing, however slow writes are.

        A size of which no write was ever seen alone can't be judged; it is a reason to probe soon,
        once.
        """
        latencies, seconds = PROBE_EVERY_LATENCIES, PROBE_EVERY_SECONDS
        is_new = write.size_class not in self._quiet and write.size_class not in self._asked
        if is_new:
            latencies, seconds = latencies / 10, seconds / 10
        pause = max(seconds, latencies * (write.ended_at - write.began_at))
        if self._limit > 1 and write.ended_at - self._probed_at >= pause:
            self._probes_left = PROBE_WRITES
            if is_new:
                self._asked.add(write.size_class)


def _bounds(limit: int) -> tuple[float, float]:
    """How many writes may queue for one more to go on, and how many before fewer do."""
    if limit <= 2:
        return FEW_OF_TWO, FEW_OF_TWO
    few = max(1.0, limit / 8)
    return few, 2 * few
