"""Regular chores of the leader, and what retention removes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import new_run_id
from pedidos_common.execution.life_signs import Turned, ignore_turn
from pedidos_common.ports import JobLedger, OrderStore, RunStore
from pedidos_orchestrator.engine.leader import Leadership

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 0.5
RUNS_AT_ONCE = 200
REMOVED = "ordersExpired"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that things are kept; 0 keeps them for ever."""

    orders_days: int = 0
    jobs_days: int = 7


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing to do every so many seconds."""

    name: str
    every_seconds: float
    do: Callable[[], Awaitable[None]]


class Housekeeping:
    """Does its chores while this process leads; a chore that fails is logged and comes again."""

    def __init__(
        self,
        leadership: Leadership,
        chores: Sequence[Chore],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leadership, self._chores, self._monotonic = leadership, chores, monotonic
        self._done_at = {chore.name: float("-inf") for chore in chores}
        self.failures = 0

    async def run(self, turned: Turned = ignore_turn) -> None:
        """Do what is due until cancelled."""
        while True:
            turned()
            await asyncio.sleep(PAUSE_SECONDS)
            await self.round()

    async def round(self) -> None:
        """Do what is due now."""
        for chore in self._chores:
            due_at = self._done_at[chore.name] + chore.every_seconds
            if self._leadership.epoch is not None and self._monotonic() >= due_at:
                await self._guarded(chore)

    async def _guarded(self, chore: Chore) -> None:
        self._done_at[chore.name] = self._monotonic()
        try:
            await chore.do()
            return
        except Unavailable as error:
            log.warning("chore_delayed", chore=chore.name, error=str(error)[:200])
        except Exception:
            log.exception("chore_failed", chore=chore.name)
        self.failures += 1


async def remove_expired(
    runs: RunStore, orders: OrderStore, ledger: JobLedger, retention: Retention
) -> None:
    """Remove orders and final jobs that are older than their retention; none of the active run.

    Ids begin with their run's start, so old orders are one range of ids. The runs say what was
    removed of them (`jobsExpired`, `ordersExpired`). How old is told by the database server.
    """
    now, active = await runs.now(), await runs.active()
    if retention.orders_days:
        cutoff = now - timedelta(days=retention.orders_days)
        oldest = new_run_id(int(cutoff.timestamp() * 1000), 0)
        until = min(oldest, active.id) if active else oldest
        removed = await orders.delete_before(await _without_orders(until, runs))
        if removed:
            log.info("old_orders_removed", count=removed, days=retention.orders_days)
    if retention.jobs_days:
        cutoff = now - timedelta(days=retention.jobs_days)
        before = min(cutoff, active.created_at) if active else cutoff
        # marked first: a run without its jobs never looks as if it had lost them
        await runs.mark_expired("jobsExpired", new_run_id(int(before.timestamp() * 1000), 0))
        removed = await ledger.remove(settled_before=before)
        if removed:
            log.info("old_jobs_removed", count=removed, days=retention.jobs_days)


async def _without_orders(until: UUID, runs: RunStore) -> UUID:
    """Mark the runs before `until` as ones without orders; before which run orders may go.

    Marked before their orders go, so that none of them can be resumed after that.
    """
    await runs.mark_expired("ordersExpired", until)
    active = await runs.active()  # one that was resumed just before is not marked, and is spared
    return min(until, active.id) if active else until
