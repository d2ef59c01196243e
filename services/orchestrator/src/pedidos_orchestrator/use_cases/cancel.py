"""Cancel the active run, and wait (bounded) until nothing of it is active."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from pedidos_common.domain.runs import AbortRequest, Phase, Run
from pedidos_common.ports import ENGINE_TOPIC
from pedidos_orchestrator.best_effort import clear_logs
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.views import phase_of

POLL_SECONDS = 0.1
LOGS_LEFT = (
    "; the gathered logs could not be cleared (is Redis there?): cancel with resetLogs again"
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What a cancel came to; `drained` says that nothing of the run is active any more."""

    cancelled: bool
    run: Run | None
    drained: bool
    message: str

    @property
    def done(self) -> dict[str, Any]:
        """What the engine cleared for this cancel; empty where an earlier one had ended the run."""
        return dict((self.run.cancelled or {}) if self.cancelled and self.run else {})


async def cancel_run(abort: AbortRequest, deps: Deps, wait_seconds: float) -> Cancellation:
    """Ask for the active run's end and wait at most that long; harmless when nothing is active.

    Its message says so where logs could not be cleared: what was cancelled stays cancelled.
    """
    cancellation = await _cancelled(abort, deps, wait_seconds)
    if not abort.reset_logs or await clear_logs(deps.logs):
        return cancellation
    return replace(cancellation, message=cancellation.message + LOGS_LEFT)


async def _cancelled(abort: AbortRequest, deps: Deps, wait_seconds: float) -> Cancellation:
    active = await deps.runs.active()
    asked = active is not None and await deps.runs.request_abort(active.id, abort)
    if active is None or not asked:
        return await _nothing_to_do(deps)
    await deps.events.publish(ENGINE_TOPIC)
    _log.info("run_cancel_requested", runId=active.scope)
    return _cancellation(await _await_end(active.id, deps, wait_seconds))


async def _nothing_to_do(deps: Deps) -> Cancellation:
    run = await deps.runs.current()
    message = f"no run is active: nothing to cancel (phase {phase_of(run).value})"
    return Cancellation(cancelled=False, run=run, drained=True, message=message)


async def _await_end(run_id: UUID, deps: Deps, wait_seconds: float) -> Run | None:
    deadline = time.monotonic() + wait_seconds
    while True:
        run = await deps.runs.get(run_id)
        if run is None or not run.active or time.monotonic() >= deadline:
            return run
        await asyncio.sleep(POLL_SECONDS)


def _cancellation(run: Run | None) -> Cancellation:
    if run is not None and run.active:
        message = f"run {run.scope} is told to end, and its last jobs still run: see GET /pedidos"
        return Cancellation(cancelled=True, run=run, drained=False, message=message)
    if phase_of(run) is Phase.ABORTED:
        message = f"run {run.scope if run else ''} is cancelled"
        return Cancellation(cancelled=True, run=run, drained=True, message=message)
    message = f"the run ended by itself first (phase {phase_of(run).value})"
    return Cancellation(cancelled=False, run=run, drained=True, message=message)
