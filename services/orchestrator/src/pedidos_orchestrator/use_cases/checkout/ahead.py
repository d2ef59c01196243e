"""How much waits before a checkout that comes in now, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import IntEnum

import structlog

from pedidos_checkout.domain.checkouts import Kind
from pedidos_checkout.domain.flow import FORWARD
from pedidos_checkout.domain.steps import KINDS, Step
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import CHECKOUT_QUEUES, QueueTable
from pedidos_common.ports import JobLedger, QueueState, QueueStates, Transport

BROKER_SECONDS = 0.3
# what an order, or a payment alone, goes through until it is the customer's
ON_THE_WAY: Mapping[Kind, AbstractSet[str]] = {
    Kind.CHECKOUT: frozenset(KINDS[step].queue for step in FORWARD),
    Kind.PAYMENT: frozenset({KINDS[Step.PAYMENT].queue, KINDS[Step.CAPTURE].queue}),
}

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
class Waiting:
    """Jobs of a queue that a worker could take, and those that `JobLedger.put_off` counts."""

    ready: int
    put_off: int

    @property
    def all(self) -> int:
        """Both: what is put off comes back, and then it waits."""
        return self.ready + self.put_off


NONE = Waiting(0, 0)


@dataclass(frozen=True, slots=True)
class QueuesAhead:
    """Looks how full the queues are that a checkout goes through, and whether they take it in.

    `backlog` is what this process has taken in and not begun yet: it waits for the first queue.
    Done here is what workers are too slow for: neither what is put off, as whoever is not to be
    asked by them is not to be asked by us, nor while a queue on the way is paused.
    """

    table: QueueTable
    transport: Transport
    ledger: JobLedger
    states: QueueState
    backlog: Callable[[], int]

    async def __call__(self) -> Mapping[Kind, Ahead]:
        """How it stands now, for each kind.

        Raises:
            Unavailable: when neither broker nor ledger tell.
        """
        states, waiting = await asyncio.gather(self.states.read_all(), self._waiting())
        return {kind: self._worst(kind, states, waiting) for kind in Kind}

    def _worst(self, kind: Kind, states: QueueStates, waiting: Mapping[str, Waiting]) -> Ahead:
        # what comes behind counts for an order where it has limits of its own
        behind = waiting.keys() if kind is Kind.CHECKOUT else frozenset[str]()
        seen = []
        for queue in sorted(ON_THE_WAY[kind] | behind):
            one = waiting.get(queue, NONE)
            seen.append(Ahead(self._way(kind, queue, one, states), queue, one.all))
        return max(seen, key=lambda one: (one.way, one.waiting))

    @property
    def _queues(self) -> Sequence[str]:
        policies = (self.table[name] for name in CHECKOUT_QUEUES)
        bounded = (p for p in policies if p.sync_above is not None or p.refuse_above is not None)
        return [policy.name for policy in bounded]

    async def _waiting(self) -> Mapping[str, Waiting]:
        queues, behind = self._queues, self.backlog()
        if not queues:
            return {}
        ready, put_off = await asyncio.gather(
            self._ready(queues), self.ledger.put_off(queues, self._most(queues))
        )
        return {queue: Waiting(ready[queue] + behind, put_off[queue]) for queue in queues}

    async def _ready(self, queues: Sequence[str]) -> Mapping[str, int]:
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                rings = await asyncio.gather(*(self.transport.depth(queue) for queue in queues))
        except (Unavailable, TimeoutError):
            log.debug("broker_does_not_tell_depths")
            return await self._queued(queues)
        return dict(zip(queues, rings, strict=True))

    async def _queued(self, queues: Sequence[str]) -> Mapping[str, int]:
        depths = await self.ledger.depths(self._most(queues))
        queued = {depth.queue: depth.counts.get(JobStatus.QUEUED, 0) for depth in depths}
        return {queue: queued.get(queue, 0) for queue in queues}

    def _most(self, queues: Sequence[str]) -> int:
        """By how many it is known that a limit is passed, whichever."""
        policies = [self.table[queue] for queue in queues]
        return max(max(p.sync_above or 0, p.refuse_above or 0, 0) for p in policies) + 1

    def _way(self, kind: Kind, queue: str, waiting: Waiting, states: QueueStates) -> Way:
        policy = self.table[queue]
        if not states.takes_in(queue):
            return Way.DRAINING
        if policy.refuse_above is not None and waiting.all > policy.refuse_above:
            return Way.REFUSE
        # nobody works at what is paused, this process neither
        is_worked = all(states.is_worked(one) for one in (queue, *ON_THE_WAY[kind]))
        if policy.sync_above is not None and waiting.ready > policy.sync_above and is_worked:
            return Way.HERE
        return Way.QUEUE
