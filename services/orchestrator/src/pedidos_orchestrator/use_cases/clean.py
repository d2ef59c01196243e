"""Clear a queue of what nobody waits for any more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import structlog

from pedidos_checkout.domain.checkouts import is_checkout
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import RUN_QUEUES
from pedidos_common.domain.runs import Phase
from pedidos_common.ports import JobFilter
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.job_states import STATUS_OF

PAGE_SIZE = 1_000

_log = structlog.get_logger()


class CleanState(StrEnum):
    """Which jobs a clean is about; `wait` is the state `waiting`."""

    WAIT = "wait"
    DELAYED = "delayed"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def status(self) -> JobStatus:
        """The status that these jobs have."""
        return STATUS_OF["waiting" if self is CleanState.WAIT else self.value]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Jobs cancelled or deleted, and rings forgotten (the reconciler rings again what counts)."""

    removed: int
    purged_rings: int = 0


async def clean_queue(state: CleanState, deps: Deps) -> Cleaned:
    """Cancel waiting jobs of runs that are over, or delete final jobs of runs that are DONE.

    Jobs of a run that is active or can be resumed stay: its counts and its barrier follow
    from them.
    """
    if state in {CleanState.COMPLETED, CleanState.FAILED}:
        cleaned = Cleaned(await _delete(state.status, deps))
    else:
        cleaned = await _cancel(state.status, deps)
    _log.info("queue_cleaned", state=state, removed=cleaned.removed)
    return cleaned


async def _cancel(status: JobStatus, deps: Deps) -> Cleaned:
    active = await deps.runs.active()
    scopes = await _scopes(status, deps) - ({active.scope} if active else set())
    removed = sum([await deps.ledger.cancel_scope(scope) for scope in sorted(scopes)])
    purged = 0
    if status is JobStatus.QUEUED:
        purged = sum([await deps.transport.purge(queue) for queue in RUN_QUEUES])
    return Cleaned(removed, purged)


async def _scopes(status: JobStatus, deps: Deps) -> set[str]:
    scopes: set[str] = set()
    cursor: str | None = None
    while True:
        page = await deps.ledger.page(JobFilter(statuses=[status]), PAGE_SIZE, cursor)
        # what a customer has placed is never over
        scopes |= {job.scope for job in page.items if job.scope and not is_checkout(job.scope)}
        cursor = page.cursor
        if cursor is None:
            return scopes


async def _delete(status: JobStatus, deps: Deps) -> int:
    removed, cursor = await deps.ledger.remove_settled(status, None), None
    while True:
        page = await deps.runs.page(PAGE_SIZE, cursor)
        for run in page.items:
            if run.phase is Phase.DONE:
                removed += await deps.ledger.remove_settled(status, run.scope)
        cursor = page.cursor
        if cursor is None:
            return removed
