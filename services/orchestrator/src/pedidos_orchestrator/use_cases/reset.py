"""Wipe orders, jobs, imports and rings, and go back to IDLE."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from pedidos_checkout.domain.checkouts import ID_PREFIX
from pedidos_common.domain.errors import RunAlreadyActive
from pedidos_common.domain.ids import run_of, whole_run
from pedidos_common.domain.queues import RUN_QUEUES
from pedidos_common.domain.runs import AbortRequest
from pedidos_common.ports import STATUS_TOPIC, OrderFilter
from pedidos_orchestrator.best_effort import purge_rings
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.use_cases.cancel import cancel_run
from pedidos_orchestrator.use_cases.reset_hold import ResetHold

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiped:
    """How much a reset deleted."""

    orders: int
    jobs: int
    rings: int


async def reset_all(force: bool, history: bool, deps: Deps, settings: ApiSettings) -> Wiped:
    """Wipe everything but the history of runs, which goes too where `history`.

    Checkouts are no runs: orders that customers placed stay, and their jobs go on.

    Nothing starts meanwhile, in any process. A reset that dies in the middle may be repeated.

    Raises:
        RunAlreadyActive: when a run is active and `force` is not given, or did not end in time.
        ResetInProgress: when another reset is wiping.
        ProblemError: 409, when the reset lost its place, and stopped.
    """
    hold = ResetHold(deps.runs, settings.reset_hold_seconds)
    if force:
        await _cancel_first(deps, settings.cancel_wait_seconds)
    async with hold.held():
        wiped = await hold.during(_wipe(history, hold, deps))
    await deps.events.publish(STATUS_TOPIC)
    _log.info("reset_done", orders=wiped.orders, jobs=wiped.jobs, history=history)
    return wiped


async def _cancel_first(deps: Deps, wait_seconds: float) -> None:
    cancellation = await cancel_run(AbortRequest(), deps, wait_seconds)
    if not cancellation.drained and cancellation.run is not None:
        raise RunAlreadyActive(cancellation.run.scope)


async def _wipe(history: bool, hold: ResetHold, deps: Deps) -> Wiped:
    await deps.runs.forget(history)
    rings = await purge_rings(deps.transport, RUN_QUEUES)
    await hold.still()
    jobs = await deps.ledger.remove(keep=ID_PREFIX)
    orders = await _wipe_orders(hold, deps)
    await hold.still()
    await deps.imports.clear()
    return Wiped(orders=orders, jobs=jobs, rings=rings)


async def _wipe_orders(hold: ResetHold, deps: Deps) -> int:
    """Delete all orders, run by run.

    A process that hangs may come back after its hold. What it found while the hold was still
    its own is of no run that started later, so it never deletes orders of one.
    """
    deleted, behind = 0, None
    while found := (await deps.orders.page(OrderFilter(), 1, behind)).items:
        run = whole_run(run_of(found[0].order.id))
        await hold.still()
        deleted += await deps.orders.delete(run)
        behind = str(run.high)
    return deleted
