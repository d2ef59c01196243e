"""How much waits before a checkout that comes in now, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import QueueTable
from pedidos_common.ports import JobLedger, QueueState, QueueStates, Transport

BROKER_SECONDS = 0.3

log = structlog.get_logger(__name__)


class Way(IntEnum):
    """What is done with a checkout that comes in; the worst of all queues counts."""

    QUEUE = 0
    HERE = 1  # by whoever takes it in
    REFUSE = 2
    DRAINING = 3  # a queue takes nothing in until it is told to


@dataclass(frozen=True, slots=True)
class Ahead:
    """The way of the moment, and the queue that it is for."""

    way: Way = Way.QUEUE
    queue: str = ""
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class QueuesAhead:
    """Looks how full the queues are that every checkout goes through.

    `backlog` is what this process has taken in and not begun yet: it waits for the first queue.
    """

    table: QueueTable
    transport: Transport
    ledger: JobLedger
    states: QueueState
    backlog: Callable[[], int]

    async def __call__(self) -> Ahead:
        """How it stands now.

        Raises:
            Unavailable: when neither broker nor ledger tell.
        """
        states, waiting = await asyncio.gather(self.states.read_all(), self._waiting())
        seen = [
            Ahead(self._way(queue, count, states), queue, count) for queue, count in waiting.items()
        ]
        return max(seen, key=lambda one: (one.way, one.waiting), default=Ahead())

    @property
    def _queues(self) -> Sequence[str]:
        policies = (self.table[name] for name in self.table.names)
        bounded = (p for p in policies if p.sync_above is not None or p.refuse_above is not None)
        return [policy.name for policy in bounded]

    async def _waiting(self) -> Mapping[str, int]:
        queues, behind = self._queues, self.backlog()
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                rings = await asyncio.gather(*(self.transport.depth(queue) for queue in queues))
        except (Unavailable, TimeoutError):
            log.debug("broker_does_not_tell_depths")
            return {queue: count + behind for queue, count in (await self._queued(queues)).items()}
        return {queue: count + behind for queue, count in zip(queues, rings, strict=True)}

    async def _queued(self, queues: Sequence[str]) -> Mapping[str, int]:
        bounds = [self.table[queue].refuse_above or 0 for queue in queues]
        depths = await self.ledger.depths(max(bounds, default=0) + 1)
        queued = {depth.queue: depth.counts.get(JobStatus.QUEUED, 0) for depth in depths}
        return {queue: queued.get(queue, 0) for queue in queues}

    def _way(self, queue: str, waiting: int, states: QueueStates) -> Way:
        policy = self.table[queue]
        if not states.takes_in(queue):
            return Way.DRAINING
        if policy.refuse_above is not None and waiting > policy.refuse_above:
            return Way.REFUSE
        # nobody works at what is paused, this process neither
        is_worked = states.is_worked(queue)
        if policy.sync_above is not None and waiting > policy.sync_above and is_worked:
            return Way.HERE
        return Way.QUEUE
