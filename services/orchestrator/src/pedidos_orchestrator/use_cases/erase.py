"""Erase a customer's name wherever it stands."""

from __future__ import annotations

import structlog

from pedidos_common.ports import ImportStore, OrderStore, RunStore
from pedidos_orchestrator.problems import ProblemError

_log = structlog.get_logger()


async def erase_customer(
    cliente: str, orders: OrderStore, imports: ImportStore, runs: RunStore
) -> int:
    """Replace the name in every order of the customer; how many orders.

    Rows of imports that no run needs any more are forgotten.

    Raises:
        ProblemError: 409 while rows of the customer wait in an import that is not over; they
            would bring the name back.
    """
    for import_id in await imports.holding(cliente):
        await _let_go(import_id, imports, runs)
    erased = await orders.erase_customer(cliente)
    _log.info("customer_erased", orders=erased)  # without the name: logs would keep it
    return erased


async def _let_go(import_id: str, imports: ImportStore, runs: RunStore) -> None:
    run = await runs.importing(import_id)
    if run is None:
        raise _not_over("an upload that no run uses (yet)", "wait for its run (or reset)")
    if run.active or run.resumable:
        raise _not_over(
            f"the import of run {run.scope}", "let the run end (or resume it, or reset)"
        )
    await imports.forget_rows(import_id)


def _not_over(holder: str, what_to_do: str) -> ProblemError:
    detail = f"{holder} holds rows of this customer: {what_to_do}, then erase again"
    return ProblemError(409, detail, slug="import-not-over")
