"""End a cancelled run: stop what waits, let what runs end, clear what was asked to be cleared."""

from __future__ import annotations

from typing import Any

from pedidos_common.domain.ids import whole_run
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.run_jobs import GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.domain.runs import AbortRequest, Run
from pedidos_common.ports import JobLedger, LogGathering, OrderStore, RunStore, Transport
from pedidos_orchestrator.best_effort import clear_logs, purge_rings


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
    queues = (GENERATION_QUEUE, ORDERS_QUEUE) if abort.purge else ()
    purged = await purge_rings(transport, queues)
    if abort.reset_logs:
        await clear_logs(logs)
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
