"""Which orchestrator acts: one holder of the leader lease, with an epoch that only rises."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import LeaderLease

log = structlog.get_logger(__name__)
LEADER_LEASE_SECONDS = 5.0
TRIES_PER_LEASE = 4


class Leadership:
    """Holds or waits for the leader lease; `epoch` is None while another leads.

    The epoch counts from before a renewal is sent, so this process stops acting before the
    server would let another one begin; and every engine write carries it anyway.
    `answered_since` is since when (`monotonic`) the server has taken every try, of a process that
    leads or only waits: what others did not write since then, they could have written.
    """

    def __init__(
        self, lease: LeaderLease, holder: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._lease, self._holder = lease, holder
        self._monotonic = monotonic
        self._epoch: int | None = None
        self._valid_until = 0.0
        self._answered_at = -math.inf
        self.answered_since = math.inf

    @property
    def epoch(self) -> int | None:
        """The epoch under which this process may act now, or None."""
        return self._epoch if self._monotonic() < self._valid_until else None

    async def run(self) -> None:
        """Try to take or keep the lease until cancelled."""
        while True:
            began = self._monotonic()
            try:
                await self._try()
            except Unavailable as error:
                log.warning("leader_lease_unreachable", error=str(error)[:200])
            except Exception:
                log.exception("leader_lease_failed")
            # over a slow network a try takes longer than the pause, and the lease waits for both
            took = self._monotonic() - began
            await asyncio.sleep(max(0.0, LEADER_LEASE_SECONDS / TRIES_PER_LEASE - took))

    async def _try(self) -> None:
        sent_at = self._monotonic()
        epoch = await self._acquire()
        if epoch is not None and (sent_at >= self._valid_until or epoch != self._epoch):
            log.info("leadership_taken", epoch=epoch)
        if epoch is None and self._epoch is not None:
            log.warning("leadership_lost", epoch=self._epoch)
        self._epoch = epoch
        self._valid_until = sent_at + LEADER_LEASE_SECONDS if epoch is not None else 0.0

    async def _acquire(self) -> int | None:
        """Ask for the lease; a try that fails, or comes late, begins `answered_since` anew."""
        try:
            epoch = await self._lease.acquire(self._holder, LEADER_LEASE_SECONDS)
        except BaseException:
            self._answered_at = -math.inf
            raise
        now = self._monotonic()
        if now - self._answered_at > LEADER_LEASE_SECONDS:
            self.answered_since = now
        self._answered_at = now
        return epoch

    async def resign(self) -> None:
        """Give the lease up, so that another can lead at once."""
        self._valid_until = 0.0
        try:
            await asyncio.wait_for(self._lease.release(self._holder), 2.0)
        except (Unavailable, TimeoutError):
            log.warning("leader_lease_not_released")
