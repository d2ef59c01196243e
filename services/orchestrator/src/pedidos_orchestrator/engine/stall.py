"""Whether a run has stopped moving."""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.run_view import RunView
from pedidos_common.ports import OrderStore, QueueState

COUNT_AT_ONCE = 100


class StallWatch:
    """Notes signs of life of one run; times are one leader's monotonic seconds.

    Jobs that settle, start or are created are such signs, but for those that workers hand back
    because they don't understand them, or can't read their payload: they start again and again,
    and get nowhere. A batch may be slow without being stuck, so half-way to the limit the orders
    that are left in running batches are counted, and at the limit once more.
    """

    def __init__(
        self, orders: OrderStore, queue_state: QueueState, limit_seconds: float, now: float
    ) -> None:
        self._orders, self._queue_state = orders, queue_state
        self._limit_seconds = limit_seconds
        self._moved_at = now
        self._sign: tuple[int, ...] = ()
        self._left: int | None = None

    def silent_seconds(self, now: float) -> float:
        """For how long nothing has happened."""
        return now - self._moved_at

    def _note_life(self, now: float) -> None:
        self._moved_at, self._left = now, None

    async def is_stalled(self, view: RunView, started: Sequence[Job], now: float) -> bool:
        """Whether nothing has happened for longer than the limit; never while paused."""
        understood = (job.deliveries for job in started if job.refused_since is None)
        sign = (view.settled, len(view.outstanding), *sorted(understood))
        if sign != self._sign or await self._queue_state.read() != "running":
            self._sign = sign
            self._note_life(now)
        if self.silent_seconds(now) <= self._limit_seconds / 2:
            return False
        if self._left is None:
            self._left = await self._count_left(view, started)
        if self.silent_seconds(now) <= self._limit_seconds:
            return False
        if await self._count_left(view, started) != self._left:
            self._note_life(now)
            return False
        return True

    async def _count_left(self, view: RunView, started: Sequence[Job]) -> int:
        batches = [job.payload for job in started if "priority" in job.payload][:COUNT_AT_ONCE]
        ranges = [OrderRange(view.run.id, int(b["first"]), int(b["last"])) for b in batches]
        return sum([(await self._orders.count(orders)).pendente for orders in ranges])
