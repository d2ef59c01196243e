"""The doorbell without a broker, with faults on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

import structlog

from pedidos_common.domain.jobs import MOST_AHEAD_SECONDS
from pedidos_common.ports import Bell

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.002


def _never(_bell: Bell) -> bool:
    return False


class InMemoryTransport:
    """Keeps the promises of `ports.Transport`, in one process.

    `drops(bell)` and `repeats(bell)` decide which rings get lost or come twice; `forget_all`
    is the broker's loss of everything; `down` makes every call fail until it is cleared; `heard`
    lists every bell rung so far. `now` tells the seconds by which head starts count.
    """

    def __init__(
        self,
        drops: Callable[[Bell], bool] = _never,
        repeats: Callable[[Bell], bool] = _never,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.drops = drops
        self._now = now
        self.repeats = repeats
        self.down: Exception | None = None
        self.heard: list[Bell] = []
        self._places = count()
        self._is_marked = False
        self._held: dict[tuple[str, int, bool, float, int], Bell] = {}

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Hold each bell, unless it is dropped or held already."""
        self._answer()
        held = set(self._held.values())
        for bell in bells:
            self.heard.append(bell)
            if self.drops(bell) or bell in held:
                continue
            if bell.again:
                self._drop_former(bell)
            held.add(bell)
            for _time in range(1 + self.repeats(bell)):
                self._held[self._place(bell)] = bell

    def _place(self, bell: Bell) -> tuple[str, int, bool, float, int]:
        rung_at = self._now() - min(bell.ahead_seconds, MOST_AHEAD_SECONDS)
        return bell.queue, bell.band, not bell.goes_first, rung_at, next(self._places)

    def _drop_former(self, bell: Bell) -> None:
        for place, other in list(self._held.items()):
            if (other.job_id, other.queue, other.ring) == (bell.job_id, bell.queue, bell.ring - 1):
                del self._held[place]

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        """Those bells that are not held."""
        self._answer()
        held = set(self._held.values())
        return [bell for bell in bells if bell not in held]

    async def was_emptied(self) -> bool:
        """Whether everything was forgotten since this was last asked, or it never was asked."""
        self._answer()
        was_marked, self._is_marked = self._is_marked, True
        return not was_marked

    async def receive(
        self,
        queue: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
    ) -> None:
        """Deliver until cancelled; on cancellation, what was taken is still delivered."""
        deliveries: set[asyncio.Task[None]] = set()
        try:
            while True:
                room = free_slots() - len(deliveries) if is_open() and self.down is None else 0
                for bell in self._take(queue, room):
                    delivery = asyncio.create_task(_hand_over(bell, deliver))
                    deliveries.add(delivery)
                    delivery.add_done_callback(deliveries.discard)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await asyncio.gather(*deliveries)

    def _take(self, queue: str, room: int) -> list[Bell]:
        places = sorted(place for place in self._held if place[0] == queue)[: max(0, room)]
        return [self._held.pop(place) for place in places]

    async def purge(self, queue: str) -> int:
        """Forget the queue's rings."""
        self._answer()
        return len(self._take(queue, len(self._held)))

    async def depth(self, queue: str) -> int:
        """Rings held for the queue."""
        self._answer()
        return sum(1 for place in self._held if place[0] == queue)

    def forget_all(self) -> None:
        """Lose every ring of every queue."""
        self._held.clear()
        self._is_marked = False

    def _answer(self) -> None:
        if self.down is not None:
            raise self.down


async def _hand_over(bell: Bell, deliver: Callable[[str], Awaitable[None]]) -> None:
    try:
        await deliver(bell.job_id)
    except Exception:
        log.exception("ring_delivery_failed", queue=bell.queue, job_id=bell.job_id)
