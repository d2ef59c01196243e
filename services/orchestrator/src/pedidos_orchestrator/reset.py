"""Wipe orders, jobs, imports and rings, and go back to IDLE."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from pedidos_common.domain.errors import RunAlreadyActive
from pedidos_common.domain.runs import AbortRequest
from pedidos_common.ports import STATUS_TOPIC
from pedidos_orchestrator.cancel import cancel_run
from pedidos_orchestrator.deps import QUEUES, Deps
from pedidos_orchestrator.start_run import refuse_when_active

CLOSED = "closed"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wiped:
    """How much a reset deleted."""

    orders: int
    jobs: int
    rings: int


async def reset_all(force: bool, history: bool, deps: Deps, wait_seconds: float) -> Wiped:
    """Wipe everything but the history of runs, which goes too where `history`.

    Raises:
        RunAlreadyActive: when a run is active and `force` is not given, or did not end in time.
    """
    if force:
        await _cancel_first(deps, wait_seconds)
    await refuse_when_active(deps)
    async with _closed(deps):
        await refuse_when_active(deps)  # one that started while the door was closing
        wiped = await _wipe(history, deps)
    await deps.events.publish(STATUS_TOPIC)
    _log.info("reset_done", orders=wiped.orders, jobs=wiped.jobs, history=history)
    return wiped


async def _cancel_first(deps: Deps, wait_seconds: float) -> None:
    cancellation = await cancel_run(AbortRequest(), deps, wait_seconds)
    if not cancellation.drained and cancellation.run is not None:
        raise RunAlreadyActive(cancellation.run.scope)


@asynccontextmanager
async def _closed(deps: Deps) -> AsyncIterator[None]:
    """Nothing starts meanwhile, in any process; afterwards the queue is as it was."""
    state = await deps.queue_state.read()
    if state == CLOSED:  # by hand, or by another reset, which opens it again
        yield
        return
    await deps.queue_state.write(CLOSED)
    try:
        yield
    finally:
        await deps.queue_state.write(state)


async def _wipe(history: bool, deps: Deps) -> Wiped:
    await deps.runs.forget(history)
    rings = sum([await deps.transport.purge(queue) for queue in QUEUES])
    jobs = await deps.ledger.remove()
    orders = await deps.orders.delete(None)
    await deps.imports.clear()
    return Wiped(orders=orders, jobs=jobs, rings=rings)
