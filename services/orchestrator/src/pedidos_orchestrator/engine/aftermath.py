"""What follows a run's end: its receipt, counted once over its orders, and the webhook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog

from pedidos_common.domain.ids import whole_run
from pedidos_common.domain.jobs import Band, NewJob
from pedidos_common.domain.orders import StatusCounts
from pedidos_common.domain.run_jobs import NOTIFICATIONS_QUEUE, NOTIFY_RUN_ENDED, payload_version
from pedidos_common.domain.run_spans import run_trace
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.ports import ImportStore, JobLedger, OrderStore, RunStore, Transport
from pedidos_orchestrator.best_effort import ring
from pedidos_orchestrator.engine.recount import read_final_view
from pedidos_orchestrator.engine.run_progress import final_figures, settled_figures
from pedidos_orchestrator.times import iso

log = structlog.get_logger(__name__)
RUNS_LOOKED_AT = 20


def receipt_of(run: Run, counts: StatusCounts) -> dict[str, Any]:
    """The run's reconciliation: what was accepted, and what became of it in the store.

    `resumes` tells which end of the run it is about.
    """
    deleted = int((run.cancelled or {}).get("deletedPending", 0))
    generated = int(run.live.get("generated", 0))
    ended = counts.processado + counts.falhou
    whole = ended == generated and counts.pendente == 0
    return {
        "accepted": run.plan.quantity,
        "generated": generated,
        "processed": counts.processado,
        "failed": counts.falhou,
        "pending": counts.pendente,
        "deletedByCancel": deleted,
        "balanced": ended == _tallied(run) and (whole or run.phase is not Phase.DONE),
        "resumes": run.resumes,
    }


def _tallied(run: Run) -> int:
    lanes = [run.live.get(lane, {}) for lane in ("vip", "normal")]
    return sum(int(lane.get(what, 0)) for lane in lanes for what in ("processed", "failed"))


def ended_event(run: Run, receipt: dict[str, Any]) -> dict[str, Any]:
    """What the webhook says."""
    return {
        "type": "run.ended",
        "runId": run.scope,
        "phase": run.phase.value,
        "createdAt": iso(run.created_at),
        "endedAt": iso(run.history[-1].at if run.history else None),
        "quantity": run.plan.quantity,
        "error": run.error,
        "receipt": receipt,
    }


def _wants_receipt(run: Run) -> bool:
    if run.active or run.hidden:
        return False
    return run.receipt is None or run.receipt.get("resumes", 0) != run.resumes


class Aftermath:
    """Gives each run that ended its receipt, and tells whoever wants to know."""

    def __init__(
        self,
        runs: RunStore,
        orders: OrderStore,
        ledger: JobLedger,
        transport: Transport,
        imports: ImportStore,
        webhook_enabled: bool,
    ) -> None:
        self._runs, self._orders = runs, orders
        self._ledger, self._transport = ledger, transport
        self._imports = imports
        self._webhook_enabled = webhook_enabled

    async def settle(self) -> None:
        """Look at the newest runs; whichever ended without a receipt gets one."""
        newest = (await self._runs.page(RUNS_LOOKED_AT, None)).items
        current = await self._runs.current()  # an old one, where it was resumed
        others = [run for run in newest if current is None or run.id != current.id]
        for run in [*([current] if current else []), *others]:
            if _wants_receipt(run):
                await self._settle(run)

    async def _settle(self, run: Run) -> None:
        if run.phase is not Phase.DONE and not await self._is_quiet(run):
            return
        if run.phase is Phase.ERROR:
            run = await self._corrected(run)
        receipt = receipt_of(run, await self._orders.count(whole_run(run.id)))
        if not await self._is_over_still(run):
            return
        if self._webhook_enabled:
            await self._notify(run, receipt)
        if not run.resumable and run.plan.import_id is not None:
            await self._imports.forget_rows(run.plan.import_id)
        await self._runs.annotate(run.id, {"receipt": receipt})
        log.info("receipt_written", runId=run.scope, balanced=receipt["balanced"])

    async def _is_quiet(self, run: Run) -> bool:
        """Whether no job of the run is, or can get, running."""
        await self._ledger.cancel_scope(run.scope)
        return await self._ledger.running(run.scope) == 0

    async def _corrected(self, run: Run) -> Run:
        """The run with the figures of what still ended after it had failed."""
        view = await read_final_view(run, self._ledger, self._orders)
        live = settled_figures(run, view)
        figures = final_figures(run, live, run.history[-1].at)
        if await self._is_over_still(run):
            await self._runs.annotate(run.id, {"live": live, **figures})
        return replace(run, live=live)

    async def _is_over_still(self, run: Run) -> bool:
        """Whether nobody has resumed or wiped the run meanwhile."""
        now = await self._runs.get(run.id)
        return now is not None and now.resumes == run.resumes and not now.hidden

    async def _notify(self, run: Run, receipt: dict[str, Any]) -> None:
        job = NewJob(
            id=f"webhook:{run.scope}:{run.resumes}",
            function=NOTIFY_RUN_ENDED,
            queue=NOTIFICATIONS_QUEUE,
            band=Band.LOW,
            payload=ended_event(run, receipt),
            payload_version=payload_version(NOTIFY_RUN_ENDED),
            trace=run_trace(run),
        )
        await ring(self._transport, await self._ledger.create([job]))
