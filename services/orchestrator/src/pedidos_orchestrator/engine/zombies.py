"""Remove what zombies wrote into runs that are over.

A zombie is a process that lost its lease and does not know it yet: it may still insert the
orders of a chunk. Changes of orders are fenced by the lease's end, inserts can't be.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import pairwise
from uuid import UUID

import structlog

from pedidos_common.domain.ids import OrderRange, run_of, sequence_of, whole_run
from pedidos_common.domain.orders import OrderStatus
from pedidos_common.domain.runs import Run
from pedidos_common.ports import JobLedger, OrderFilter, OrderStore, RunStore

log = structlog.get_logger(__name__)
RUNS_AT_ONCE = 200
ORDERS_AT_ONCE = 1_000
RUNS_REMEMBERED = 10_000
SHORTEST_PAUSE_SECONDS = 60.0


class ZombieSweep:
    """Looks at the runs that have orders, some at a time, round and round.

    In a run that a reset wiped, that nobody knows, or that was cancelled with removal of what
    was pendente, no order can be pendente that never was anything else: those are removed. (A
    redrive revives orders of such runs.) Finding them takes a scan, so it is done less and less
    often while nothing is found.
    """

    def __init__(
        self,
        runs: RunStore,
        orders: OrderStore,
        ledger: JobLedger,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runs, self._orders, self._ledger = runs, orders, ledger
        self._monotonic = monotonic
        self._behind: UUID | None = None
        self._clean: dict[UUID, tuple[float, float]] = {}

    async def sweep(self) -> None:
        """Look at the next runs; at all of them where they are few."""
        for _ in range(RUNS_AT_ONCE):
            run_id = await self._next_run()
            if run_id is None:
                return
            await self._look_at(run_id)

    async def _next_run(self) -> UUID | None:
        """The next run that has orders; None once behind the last one."""
        # the cursor of a listing of orders is the id of the last one listed
        cursor = str(self._behind) if self._behind else None
        found = (await self._orders.page(OrderFilter(), 1, cursor)).items
        if not found:
            self._behind = None
            return None
        run_id = run_of(found[0].order.id)
        self._behind = whole_run(run_id).high
        return run_id

    async def _look_at(self, run_id: UUID) -> None:
        now = self._monotonic()
        swept_at, pause = self._clean.get(run_id, (float("-inf"), 0.0))
        run = await self._runs.get(run_id)
        if now - swept_at < pause or (run is not None and not _is_cleared(run)):
            return
        removed = sum([await self._remove(run_id, run, ids) async for ids in self._strays(run_id)])
        if removed:
            log.warning("zombie_orders_removed", runId=str(run_id), count=removed)
        if len(self._clean) >= RUNS_REMEMBERED:
            self._clean.clear()
        longer = max(SHORTEST_PAUSE_SECONDS, 2 * pause)
        self._clean[run_id] = (now, SHORTEST_PAUSE_SECONDS if removed else longer)

    async def _strays(self, run_id: UUID) -> AsyncIterator[list[UUID]]:
        wanted, cursor = OrderFilter(run_id=run_id, status=OrderStatus.PENDENTE), None
        while True:
            page = await self._orders.page(wanted, ORDERS_AT_ONCE, cursor)
            yield [record.order.id for record in page.items if record.failed_at is None]
            cursor = page.cursor
            if cursor is None:
                return

    async def _remove(self, run_id: UUID, run: Run | None, ids: list[UUID]) -> int:
        if not ids or (run is not None and not await self._close(run)):
            return 0
        await self._ledger.cancel_scope(str(run_id))
        return sum([await self._orders.delete_pending(part) for part in _ranges(run_id, ids)])

    async def _close(self, run: Run) -> bool:
        """See to it that the run can't be resumed any more; False when it was just now."""
        cancelled = run.cancelled or {}
        if run.hidden or cancelled.get("deletedPending"):
            return True
        await self._runs.annotate(run.id, {"cancelled": {**cancelled, "deletedPending": 1}})
        now = await self._runs.get(run.id)
        if now is not None and (now.active or now.resumes != run.resumes):
            await self._runs.annotate(run.id, {"cancelled": None})
            return False
        return True


def _is_cleared(run: Run) -> bool:
    """Whether no order of the run may be pendente, but for those that a redrive revived."""
    if run.active:
        return False
    return run.hidden or bool((run.cancelled or {}).get("removePending"))


def _ranges(run_id: UUID, ids: Iterable[UUID]) -> Iterator[OrderRange]:
    """The ids as ranges without a gap."""
    sequences = [sequence_of(order_id) for order_id in ids]
    breaks = [place for place, (one, two) in enumerate(pairwise(sequences), 1) if two != one + 1]
    for start, stop in pairwise([0, *breaks, len(sequences)]):
        yield OrderRange(run_id, sequences[start], sequences[stop - 1])
