"""Payments and stock beside the provider's list: ask for a comparison, and read what it found."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from pedidos_checkout.domain.reconciliation import Report
from pedidos_orchestrator.api.context import CURSOR, Context, PageLimit
from pedidos_orchestrator.api.models_reconciliation import (
    ReconciliationAsked,
    ReconciliationPageShape,
)
from pedidos_orchestrator.problems import no_checkout, problems
from pedidos_orchestrator.times import iso
from pedidos_orchestrator.use_cases.reconciliation import ask_for_reconciliation

router = APIRouter(prefix="/api/reconciliations", tags=["checkout"])

ReportCursor = Annotated[
    str | None, Query(pattern="^reconcile:[0-9A-Za-z-]{1,60}$", description=CURSOR)
]


@router.post(
    "",
    status_code=202,
    summary="Compare payments and stock now",
    response_model=ReconciliationAsked,
    responses=problems(413, 503),
)
async def ask(api: Context) -> dict[str, str]:
    """A job of its own does it, beside the regular ones (`RECONCILE_EVERY_MINUTES`). What can be
    repaired is: money without an order goes back, what is held for nobody is released."""
    if not api.settings.has_checkout:
        raise no_checkout()
    deps = api.deps
    return {"id": await ask_for_reconciliation(deps.runs, deps.ledger, deps.transport)}


@router.get(
    "",
    summary="What reconciliations found",
    response_model=ReconciliationPageShape,
    responses=problems(422, 503),
)
async def reports(
    api: Context, limit: PageLimit = 20, cursor: ReportCursor = None
) -> dict[str, Any]:
    """Reports, newest first; they are kept for 90 days."""
    page = await api.deps.checkout.reconciliations.page(limit, cursor)
    return {"items": [_view(report) for report in page.items], "cursor": page.cursor}


def _view(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "startedAt": iso(report.started_at),
        "finishedAt": iso(report.finished_at),
        "complete": report.complete,
        "seen": report.seen,
        "counts": report.counts,
        "repairs": report.repairs,
        "differences": [
            {
                "kind": one.kind.value,
                "about": one.about,
                "detail": one.detail,
                "repair": one.repair.value,
            }
            for one in report.found
        ],
    }
