"""Checkouts that are done by the process that took them in, as jobs of the same ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.domain.status import CheckoutState, CheckoutStatus
from pedidos_checkout.ports import CheckoutStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job, Outcome
from pedidos_common.domain.queues import QueueTable
from pedidos_common.ports import Bell, JobLedger, Transport
from pedidos_orchestrator.best_effort import ring
from pedidos_orchestrator.deps import ExecutorOf

LOOK_SECONDS = 0.5
OVER = frozenset({CheckoutState.COMPLETED, CheckoutState.FAILED})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """By what jobs come to whoever does them."""

    ledger: JobLedger
    transport: Transport
    table: QueueTable


class DoneHere:
    """Takes jobs of a few checkouts itself, instead of ringing for a worker.

    Whoever is late is left to the workers: its later jobs are rung for like any other.
    """

    def __init__(
        self,
        executor_of: ExecutorOf,
        deliveries: Deliveries,
        checkouts: CheckoutStore,
        slots: int,
    ) -> None:
        self._deliveries, self._checkouts, self._slots = deliveries, checkouts, slots
        self._executor = executor_of(self._settled, self._follow)
        self._at: dict[str, asyncio.Event] = {}

    @property
    def under_way(self) -> int:
        """Checkouts that are done here now."""
        return len(self._at)

    def has_room(self) -> bool:
        """Whether one more may be done here."""
        return self.under_way < self._slots and not self._executor.stopping

    async def finish(
        self,
        checkout: Checkout,
        read: Callable[[Checkout], Awaitable[CheckoutStatus]],
        seconds: float,
    ) -> CheckoutStatus | None:
        """Do it, and how it ended; None where that takes longer than `seconds`."""
        changed = self._at[checkout.id] = asyncio.Event()
        give_up_at = time.monotonic() + seconds
        try:
            job = first_job(checkout, self._deliveries.table.policies)
            await self._deliver(await self._deliveries.ledger.create([job]))
            await self._checkouts.begun([checkout.id])
            while (left := give_up_at - time.monotonic()) > 0:
                if (status := await read(checkout)).state in OVER:
                    return status
                await _wait(changed, min(LOOK_SECONDS, left))
        except Unavailable as error:  # it is stored: the sweep, or its lease, sees to it
            log.warning("checkout_left_to_workers", error=str(error)[:200])
        finally:
            del self._at[checkout.id]
        return None

    async def _follow(self, bells: Sequence[Bell]) -> None:
        ours = [bell for bell in bells if _scope_of(bell) in self._at]
        others = [bell for bell in bells if _scope_of(bell) not in self._at]
        if others:
            await ring(self._deliveries.transport, others)
        await self._deliver(ours)

    async def _deliver(self, bells: Sequence[Bell]) -> None:
        for bell in bells:
            await self._executor.deliver(bell.job_id)

    async def _settled(self, job: Job, _outcome: Outcome, _seconds: float) -> None:
        if (changed := self._at.get(job.scope or "")) is not None:
            changed.set()

    async def drain(self, seconds: float) -> None:
        """Let what is begun end, and hand back what does not."""
        await self._executor.drain(seconds)


def _scope_of(bell: Bell) -> str:
    return bell.job_id.partition(":")[0]


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
    changed.clear()
