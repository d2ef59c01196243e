"""Metrics of what all processes share, exported once: by the orchestrator that leads.

Queues, the run, dead letters and what was compared are one, however many orchestrators there are.
Others export nothing of them, and who loses the lead no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pedidos_checkout.domain.reconciliation import Standing
from pedidos_checkout.ports import Reconciliations
from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import JobLedger, OrderStore, QueueState, RunStore
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.leader_seen import LOOKED_AT_MOST, Seen, families

log = structlog.get_logger(__name__)
LOOK_SECONDS = 2.0
LONGEST_LOOK_SECONDS = 5.0
# a look at many jobs costs more, and comes the less often; figures never get older than that
PAUSE_PER_LOOK = 50.0
LONGEST_PAUSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class LeaderPorts:
    """What is looked at; `reconciliations` is None where no payment provider is set up.

    `reconcile_every_seconds` is how often one is to end, 0 where nobody asks for them regularly.
    """

    runs: RunStore
    ledger: JobLedger
    orders: OrderStore
    queue_state: QueueState
    reconciliations: Reconciliations | None = None
    reconcile_every_seconds: float = 0.0


class LeaderMetrics(Collector):
    """Looks while this process leads; a scrape gets what was seen last, and asks no server."""

    def __init__(
        self,
        ports: LeaderPorts,
        leadership: Leadership,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports, self._leadership, self._monotonic = ports, leadership, monotonic
        self._seen: Seen | None = None
        self._rests_until = float("-inf")

    async def look(self) -> None:
        """Look again, unless another leads, or the last look cost so much that this one waits."""
        epoch, began = self._leadership.epoch, self._monotonic()
        if epoch is None:
            self._seen = None
            return
        if began < self._rests_until:
            return
        pause = PAUSE_PER_LOOK
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                self._seen = await self._look(epoch)
        except Exception as error:
            self._seen = None
            if not isinstance(error, Unavailable | TimeoutError):
                raise
            log.warning("metrics_look_failed", error=str(error)[:200] or "it took too long")
            pause = 1.0  # what was given up may go on in the server for as long again
        now = self._monotonic()
        self._rests_until = now + min(pause * (now - began), LONGEST_PAUSE_SECONDS)

    async def _look(self, epoch: int) -> Seen:
        ports = self._ports
        run, depths, dead, state, standing = await asyncio.gather(
            ports.runs.current(),
            ports.ledger.depths(LOOKED_AT_MOST),
            ports.orders.dead(LOOKED_AT_MOST),
            ports.queue_state.read(),
            self._standing(),
        )
        every = ports.reconcile_every_seconds
        return Seen(epoch, run, depths, dead, state, standing, every)

    async def _standing(self) -> Standing | None:
        kept = self._ports.reconciliations
        return await kept.standing() if kept else None

    def describe(self) -> Iterable[Metric]:
        """Every metric without values."""
        return families(Seen(0, None, (), 0, "running"), with_values=False)

    def collect(self) -> Iterable[Metric]:
        """What was seen last; nothing while another leads."""
        seen = self._seen
        if seen is None or seen.epoch != self._leadership.epoch:
            return ()
        return families(seen, with_values=True)
