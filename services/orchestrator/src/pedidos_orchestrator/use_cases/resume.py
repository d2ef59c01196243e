"""Take up a run again that was cancelled or failed."""

from __future__ import annotations

from uuid import UUID

import structlog

from pedidos_common.domain.ids import whole_run
from pedidos_common.domain.run_jobs import GENERATE_CHUNK, IMPORT_CHUNK
from pedidos_common.domain.runs import Run
from pedidos_common.ports import ENGINE_TOPIC
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.engine.recount import read_view
from pedidos_orchestrator.problems import ProblemError, not_found
from pedidos_orchestrator.use_cases.start_run import refuse_when_closed

_log = structlog.get_logger()


async def resume_run(run_id: UUID, deps: Deps) -> Run:
    """Make the run active again; what is done already stays done.

    Raises:
        RunAlreadyActive: when another run is active.
        ResetInProgress: when a reset is wiping.
        InvalidTransition: when the run's phase can't be resumed.
        ProblemError: 404 for an unknown run; 409 when the queue is closed or orders are gone.
    """
    run = await deps.runs.get(run_id)
    if run is None:
        raise not_found("run", str(run_id))
    await refuse_when_closed(deps)
    _refuse_without_orders(run)
    if not run.active:
        await _refuse_with_fewer_orders(run, deps)
    # a chunk that failed for good would end the run again at once
    await deps.ledger.resume_scope(run.scope, (GENERATE_CHUNK, IMPORT_CHUNK))
    resumed = await deps.runs.resume(run_id)
    await deps.events.publish(ENGINE_TOPIC)
    _log.info("run_resumed", runId=resumed.scope, resumes=resumed.resumes)
    return resumed


def _refuse_without_orders(run: Run) -> None:
    deleted = int((run.cancelled or {}).get("deletedPending") or 0)
    if deleted and not run.active:
        raise ProblemError(
            409,
            f"the cancel of run {run.scope} deleted {deleted} orders, so it can't go on: "
            "start a new run (and cancel with removePending=false to resume later)",
            slug="orders-deleted",
            runId=run.scope,
        )


async def _refuse_with_fewer_orders(run: Run, deps: Deps) -> None:
    """What is done already is only found done while it is stored.

    A run's record knows how many orders it wrote, even where retention took its jobs.
    """
    written = (await read_view(run, deps.ledger)).generated
    written = max(written, int(run.live.get("generated", 0)))
    stored = (await deps.orders.count(whole_run(run.id))).total
    if stored < written:
        raise ProblemError(
            409,
            f"only {stored} of its {written} orders are stored (retention removes old ones), "
            f"so run {run.scope} can't go on: start a new run",
            slug="orders-gone",
            runId=run.scope,
        )
