"""End a cancelled run: stop what waits, let what runs end, clear what was asked to be cleared."""

from __future__ import annotations

from typing import Any

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import whole_run
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.run_jobs import GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.domain.runs import AbortRequest, Run
from pedidos_common.ports import JobLedger, LogGathering, OrderStore, RunStore, Transport

log = structlog.get_logger(__name__)


async def abort_run(
    run: Run,
    runs: RunStore,
    ledger: JobLedger,
    orders: OrderStore,
    transport: Transport,
    logs: LogGathering,
) -> dict[str, Any] | None:
    """Do what is due for the cancel; the report, or None while jobs of the run are running.

    May be called again and again; what was done already is found done.
    """
    await ledger.cancel_scope(run.scope)
    if await ledger.running(run.scope):
        return None
    abort = run.abort or AbortRequest()
    deleted = _noted(run)
    if abort.remove_pending:
        deleted = await _delete_pending(run, runs, orders)
    counts = await ledger.counts(run.scope)
    purged = await _purge(transport) if abort.purge else 0
    if abort.reset_logs:
        await _clear(logs)
    return {
        "cancelledJobs": counts[JobStatus.CANCELLED],
        "deletedPending": deleted,
        "removePending": abort.remove_pending or deleted > 0,
        "purgedRings": purged,
        "drained": True,
    }


def _noted(run: Run) -> int:
    return int((run.cancelled or {}).get("deletedPending", 0))


async def _delete_pending(run: Run, runs: RunStore, orders: OrderStore) -> int:
    """Delete what is pendente; how many that is, even if a leader died in the middle of it.

    A run of which orders were deleted must never be resumed as if they were there, so their
    number is kept before they go.
    """
    pending = (await orders.count(whole_run(run.id))).pendente
    deleted = max(_noted(run), pending)
    if pending:
        note = {"removePending": True, "deletedPending": deleted}
        await runs.annotate(run.id, {"cancelled": note})
        await orders.delete_pending(whole_run(run.id))
    return deleted


async def _purge(transport: Transport) -> int:
    """Forget the rings; one that is left or can't be reached rings for nothing."""
    try:
        return await transport.purge(GENERATION_QUEUE) + await transport.purge(ORDERS_QUEUE)
    except Unavailable as error:
        log.warning("rings_not_purged", error=str(error)[:200])
        return 0


async def _clear(logs: LogGathering) -> None:
    try:
        await logs.clear()
    except Unavailable as error:
        log.warning("logs_not_cleared", error=str(error)[:200])
