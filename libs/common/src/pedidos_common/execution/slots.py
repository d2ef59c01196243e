"""How many jobs a process runs at once, counted by queue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping


class Slots:
    """Slots that queues share, and beside them those of each queue that has its own.

    Work of one queue with its own slots never takes the place of another's.
    """

    def __init__(self, shared: int, own: Mapping[str, int] | None = None) -> None:
        self.shared, self.own = shared, dict(own or {})
        self._busy: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All of them."""
        return self.shared + sum(self.own.values())

    @property
    def busy(self) -> int:
        """Those in use, of whichever queue."""
        return self._busy.total()

    def busy_of(self, queue: str) -> int:
        """How many jobs of the queue are at work."""
        return self._busy[queue]

    def busy_shared(self) -> int:
        """How many jobs are at work of queues that have no slots of their own."""
        return sum(count for queue, count in self._busy.items() if queue not in self.own)

    def free(self, queue: str | None) -> int:
        """How many more jobs of the queue may be taken."""
        if queue is not None and queue in self.own:
            return max(0, self.own[queue] - self._busy[queue])
        return max(0, self.shared - self.busy_shared())

    def take(self, queue: str) -> None:
        """A job of the queue begins; it may be one more than there is room for."""
        self._busy[queue] += 1

    def give_back(self, queue: str) -> None:
        """A job of the queue is over."""
        self._busy[queue] -= 1


def slots_of(queues: Iterable[str], shared: int, own: Mapping[str, int]) -> Slots:
    """The slots of a process that serves these queues; shared ones where a queue needs them."""
    return Slots(shared if set(queues) - set(own) else 0, own)
