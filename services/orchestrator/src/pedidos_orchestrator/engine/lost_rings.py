"""Rings that the broker lost, looked for among the jobs that wait.

What the broker holds needs nothing, so a look writes of lost rings alone. Where more jobs wait
than one look takes, the next one goes on behind them, so that each is come to however many there
are; and while whole looks find nothing lost, they come less often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from pedidos_common.ports import Bell, JobLedger, Transport

log = structlog.get_logger(__name__)
AT_ONCE = 1_000
PAGES_A_ROUND = 10
SHORTEST_REST_SECONDS = 0.5
LONGEST_REST_SECONDS = 2.0


class LostRings:
    """Looks through the jobs that wait for more than `look_after_seconds`; `rung` counts.

    A lost ring among n such jobs is rung again within `look_after_seconds` and n / `AT_ONCE` + 1
    times `LONGEST_REST_SECONDS`; all of them within a round or few once the broker was emptied.
    """

    def __init__(
        self,
        ledger: JobLedger,
        transport: Transport,
        look_after_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger, self._transport = ledger, transport
        self._look_after, self._monotonic = look_after_seconds, monotonic
        self._behind: str | None = None
        self._rest, self._rests_until = 0.0, -math.inf
        self.rung = 0

    async def look(self, emptied_at: float | None) -> Sequence[Bell] | None:
        """The next of the jobs that wait; None while no look is due.

        After the broker's loss (`emptied_at`, monotonic) that is whatever was rung before it.
        """
        if emptied_at is not None:
            self._behind, self._rest = None, 0.0
        elif self._monotonic() < self._rests_until:
            return None
        return await self._page(emptied_at)

    async def _page(self, emptied_at: float | None) -> Sequence[Bell]:
        older_than = self._look_after
        if emptied_at is not None:
            older_than = min(older_than, self._monotonic() - emptied_at)
        return await self._ledger.silent(older_than, AT_ONCE, self._behind)

    async def ring(self, waiting: Sequence[Bell] | None, emptied_at: float | None) -> None:
        """Ring again what the broker lost; go on at once while whole pages have something lost."""
        for _ in range(PAGES_A_ROUND):
            if waiting is None:
                return
            lost = await self._ring_those_lost(waiting) if waiting else 0
            is_whole = len(waiting) == AT_ONCE
            self._behind = waiting[-1].job_id if is_whole else None
            self._rest_a_while(is_quiet=is_whole and not lost)
            waiting = await self._page(emptied_at) if is_whole and lost else None

    def _rest_a_while(self, *, is_quiet: bool) -> None:
        longer = min(max(2 * self._rest, SHORTEST_REST_SECONDS), LONGEST_REST_SECONDS)
        self._rest = longer if is_quiet else 0.0
        self._rests_until = self._monotonic() + self._rest

    async def _ring_those_lost(self, waiting: Sequence[Bell]) -> int:
        lost = await self._transport.missing(waiting)
        if lost:
            again = [replace(bell, ring=bell.ring + 1) for bell in lost]
            await self._transport.ring(again)
            await self._ledger.rang(again)
            self.rung += len(lost)
            log.info("lost_rings_rung_again", count=len(lost))
        return len(lost)
