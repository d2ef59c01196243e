"""Begin checkouts that were taken in: their first jobs, in batches, right behind the answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.ports import CheckoutStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.queues import QueueTable
from pedidos_common.ports import Bell, JobLedger, Transport
from pedidos_orchestrator.best_effort import ring

MOST_WAITING = 10_000
BATCH = 200
LEFT_SECONDS = 3.0
MOST_SWEPT = 1_000

log = structlog.get_logger(__name__)


class Starter:
    """Creates the first jobs of checkouts, rings for them, and notes them as begun.

    What it does not get to (it is full, a server is away, the process ends) the leader's sweep
    finds: a checkout is in the store before it comes here.
    """

    def __init__(
        self, ledger: JobLedger, transport: Transport, checkouts: CheckoutStore, table: QueueTable
    ) -> None:
        self._ledger, self._transport = ledger, transport
        self._checkouts, self._table = checkouts, table
        self._waiting: deque[Checkout] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def backlog(self) -> int:
        """How many wait to be begun here."""
        return len(self._waiting)

    def put(self, checkout: Checkout) -> None:
        """Begin it soon."""
        if len(self._waiting) >= MOST_WAITING:
            return
        self._waiting.append(checkout)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="begin checkouts")

    async def _work(self) -> None:
        while self._waiting:
            size = min(BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                await self.begin(batch)
            except Unavailable as error:
                log.warning("checkouts_left_to_sweep", count=size, error=str(error)[:200])
            except Exception:
                log.exception("checkouts_left_to_sweep", count=size)

    async def begin(self, checkouts: Sequence[Checkout]) -> None:
        """Begin these now; harmless where they are begun.

        Raises:
            Unavailable: when the ledger does not answer.
        """
        bells = await self.create(checkouts)
        # a ring that is lost comes again; whether it was heard says nothing of what is begun
        await asyncio.gather(ring(self._transport, bells), self.note(checkouts))

    async def create(self, checkouts: Sequence[Checkout]) -> Sequence[Bell]:
        """Their first jobs are in the ledger; the bells of these."""
        return await self._ledger.create(
            [first_job(checkout, self._table.policies) for checkout in checkouts]
        )

    async def note(self, checkouts: Sequence[Checkout]) -> None:
        """Note that they are begun."""
        await self._checkouts.begun([checkout.id for checkout in checkouts])

    async def sweep(self) -> None:
        """Begin what some process took in and left."""
        left = await self._checkouts.not_begun(LEFT_SECONDS, MOST_SWEPT)
        for start in range(0, len(left), BATCH):
            await self.begin(left[start : start + BATCH])
        if left:
            log.info("checkouts_begun_by_sweep", count=len(left))
