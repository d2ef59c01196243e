"""A leader that can't ring gives way to an orchestrator that perhaps can.

Only the leader rings, and work that waits needs its ring. A leader that is cut off from the broker
alone would keep its lease and hold up the run for as long as the cut lasts.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from pedidos_common.ports import Bell, LeaderLease, Processes, Transport
from pedidos_orchestrator.engine.leader import LEADER_LEASE_SECONDS, TRIES_PER_LEASE

log = structlog.get_logger(__name__)
UNANSWERED_SECONDS = 4.0
# every other orchestrator tries twice meanwhile
STAND_BACK_SECONDS = 2.5 * LEADER_LEASE_SECONDS / TRIES_PER_LEASE
# the broker may be away for all: then leadership is not to go round and round
ONCE_IN_SECONDS = 60.0
SEEN_WITHIN_SECONDS = 10.0
# nothing was asked for so long: nothing waits for a ring
OLD_SECONDS = 5.0


class Doorbell:
    """A transport, and for how long its broker has left what it was asked unanswered.

    `ring` and `missing` are watched, which the engine and the reconciler use; what asks for
    nothing is no sign of anything. See `pedidos_common.ports.Transport` for all else.
    """

    def __init__(
        self, transport: Transport, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport, self._monotonic = transport, monotonic
        self._asked_since: float | None = None
        self._failed_at = float("-inf")
        self._under_way = 0

    def unanswered_seconds(self) -> float:
        """Since the first call that has brought nothing, one under way included; 0 without."""
        now = self._monotonic()
        is_old = not self._under_way and now - self._failed_at > OLD_SECONDS
        return 0.0 if self._asked_since is None or is_old else now - self._asked_since

    @asynccontextmanager
    async def _asking(self, bells: Sequence[Bell]) -> AsyncIterator[None]:
        if not bells:
            yield
            return
        if self.unanswered_seconds() == 0.0:
            self._asked_since = self._monotonic()
        self._under_way += 1
        try:
            yield
            self._asked_since = None
        except BaseException:
            self._failed_at = self._monotonic()
            raise
        finally:
            self._under_way -= 1

    async def ring(self, bells: Sequence[Bell]) -> None:
        """See `ports.Transport.ring`."""
        async with self._asking(bells):
            await self._transport.ring(bells)

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        """See `ports.Transport.missing`."""
        async with self._asking(bells):
            return await self._transport.missing(bells)

    async def was_emptied(self) -> bool:
        """See `ports.Transport.was_emptied`."""
        return await self._transport.was_emptied()

    async def receive(
        self,
        queue: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
    ) -> None:
        """See `ports.Transport.receive`."""
        await self._transport.receive(queue, free_slots, deliver, is_open)

    async def purge(self, queue: str) -> int:
        """See `ports.Transport.purge`."""
        return await self._transport.purge(queue)

    async def depth(self, queue: str) -> int:
        """See `ports.Transport.depth`."""
        return await self._transport.depth(queue)


class YieldingLease:
    """`ports.LeaderLease`, given up while the doorbell is not answered and others could lead.

    Whoever gives way stands back for a moment, and may lead again when nobody else does: what
    needs no ring goes on while the broker is away for all.
    """

    def __init__(
        self,
        lease: LeaderLease,
        doorbell: Doorbell,
        processes: Processes,
        service: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease, self._doorbell = lease, doorbell
        self._processes, self._service = processes, service
        self._monotonic = monotonic
        self._gave_way_at = float("-inf")
        self._leads = False

    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """See `ports.LeaderLease.acquire`; None as well while this one gives way."""
        if self._leads and await self._must_give_way():
            self._gave_way_at = self._monotonic()
            silent = round(self._doorbell.unanswered_seconds(), 1)
            log.warning("leadership_given_up", reason="the broker does not answer", seconds=silent)
        if self._monotonic() - self._gave_way_at < STAND_BACK_SECONDS:
            self._leads = False
            # asked all the same: whoever waits knows by it that the server takes writes
            await self._lease.release(holder)
            return None
        epoch = await self._lease.acquire(holder, lease_seconds)
        self._leads = epoch is not None
        return epoch

    async def release(self, holder: str) -> None:
        """See `ports.LeaderLease.release`."""
        await self._lease.release(holder)

    async def _must_give_way(self) -> bool:
        if self._doorbell.unanswered_seconds() < UNANSWERED_SECONDS:
            return False
        if self._monotonic() - self._gave_way_at < ONCE_IN_SECONDS:
            return False
        live = await self._processes.live(SEEN_WITHIN_SECONDS)
        return sum(seen.report.service == self._service for seen in live) > 1
