"""Begin checkouts that were taken in: their first jobs, in batches, right behind the answer."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.ports import CheckoutStore
from pedidos_checkout.steps.begin import begin
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.queues import QueueTable
from pedidos_common.ports import JobLedger, Transport

MOST_WAITING = 10_000
BATCH = 200
# nobody waits for it, and those that come meanwhile share its three calls
GATHER_SECONDS = 0.02

log = structlog.get_logger(__name__)


class Starter:
    """Begins checkouts in batches: the more come in, the larger these are.

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
            await asyncio.sleep(GATHER_SECONDS)
            size = min(BATCH, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                await begin(
                    batch, self._ledger, self._transport, self._checkouts, self._table.policies
                )
            except Unavailable as error:
                log.warning("checkouts_left_to_sweep", count=size, error=str(error)[:200])
            except Exception:
                log.exception("checkouts_left_to_sweep", count=size)
