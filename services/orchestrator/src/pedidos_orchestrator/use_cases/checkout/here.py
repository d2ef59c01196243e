"""Checkouts that are done by the process that took them in, as jobs of the same ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.domain.status import CheckoutState, CheckoutStatus
from pedidos_checkout.ports import CheckoutStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job, Outcome, Released, Retry
from pedidos_common.domain.queues import QueueTable
from pedidos_common.ports import Bell, JobLedger, QueueStates, Transport
from pedidos_orchestrator.best_effort import ring
from pedidos_orchestrator.deps import ExecutorOf

LOOK_SECONDS = 0.5
OVER = frozenset({CheckoutState.COMPLETED, CheckoutState.FAILED})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """By what jobs come to whoever does them; `states` tells, a moment old, what is paused."""

    ledger: JobLedger
    transport: Transport
    table: QueueTable
    states: Callable[[], Awaitable[QueueStates]]


class Slot:
    """The right to do one checkout here, until it is given back."""

    def __init__(self, given_back: Callable[[], None]) -> None:
        self._given_back: Callable[[], None] | None = given_back

    def give_back(self) -> None:
        """It is free for another one; once."""
        given_back, self._given_back = self._given_back, None
        if given_back is not None:
            given_back()


@dataclass(slots=True)
class Doing:
    """A checkout that is done here; `is_left` once workers have to go on with it."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: bool = False

    def leave(self) -> None:
        """Nobody is to wait for it here."""
        self.is_left = True
        self.changed.set()


class DoneHere:
    """Takes jobs of a few checkouts itself, instead of ringing for a worker.

    Whoever is late is left to the workers, and so is what has to wait: for its provider, its
    customer, its queue's rate, or a queue that is paused. Its later jobs are rung for like any
    other.
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
        self._at: dict[str, Doing] = {}
        self._taken = 0

    def slot(self) -> Slot | None:
        """Room for one more, which is the caller's from now on; None where there is none."""
        if self._taken >= self._slots or self._executor.stopping:
            return None
        self._taken += 1
        return Slot(self._given_back)

    def _given_back(self) -> None:
        self._taken -= 1

    async def finish(
        self,
        checkout: Checkout,
        read: Callable[[Checkout], Awaitable[CheckoutStatus]],
        seconds: float,
    ) -> CheckoutStatus | None:
        """Do it, and how it ended; None where it has to wait, or takes longer than `seconds`.

        Whoever asks for it has a slot.
        """
        doing = self._at[checkout.id] = Doing()
        give_up_at = time.monotonic() + seconds
        try:
            job = first_job(checkout, self._deliveries.table.policies)
            await self._deliver(await self._deliveries.ledger.create([job]))
            await self._checkouts.begun([checkout.id])
            while (left := give_up_at - time.monotonic()) > 0:
                if (status := await read(checkout)).state in OVER:
                    return status
                if doing.is_left:
                    return None
                await _wait(doing.changed, min(LOOK_SECONDS, left))
        except Unavailable as error:  # it is stored: the sweep, or its lease, sees to it
            log.warning("checkout_left_to_workers", error=str(error)[:200])
        finally:
            del self._at[checkout.id]
        return None

    async def _follow(self, bells: Sequence[Bell]) -> None:
        ours = await self._to_be_done_here(bells)
        if others := [bell for bell in bells if bell not in ours]:
            for bell in others:
                self._leave(_scope_of(bell))
            await ring(self._deliveries.transport, others)
        await self._deliver(ours)

    async def _to_be_done_here(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        ours = [bell for bell in bells if _scope_of(bell) in self._at]
        if not ours:
            return []
        try:
            states = await self._deliveries.states()
        except Unavailable:
            return []
        return [bell for bell in ours if states.is_worked(bell.queue)]

    async def _deliver(self, bells: Sequence[Bell]) -> None:
        for bell in bells:
            await self._executor.deliver(bell.job_id)

    async def _settled(self, job: Job, outcome: Outcome, _seconds: float) -> None:
        if isinstance(outcome, Retry | Released):
            self._leave(job.scope or "")
        elif (doing := self._at.get(job.scope or "")) is not None:
            doing.changed.set()

    def _leave(self, scope: str) -> None:
        if (doing := self._at.get(scope)) is not None:
            doing.leave()

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
