"""Erase a customer's name wherever it stands."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from pedidos_checkout.ports import CheckoutStore, PlacedOrders
from pedidos_common.ports import ImportStore, OrderStore, RunStore
from pedidos_orchestrator.problems import ProblemError

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Erasing:
    """Where names stand."""

    orders: OrderStore
    imports: ImportStore
    runs: RunStore
    checkouts: CheckoutStore
    placed: PlacedOrders


@dataclass(frozen=True, slots=True)
class Erased:
    """In how many orders of runs, checkouts, and orders placed live the name stood."""

    orders: int
    checkouts: int
    placed: int


async def erase_customer(cliente: str, where: Erasing) -> Erased:
    """Replace the name in every order and checkout of the customer, and how to reach them.

    Rows of imports that no run needs any more are forgotten.

    Raises:
        ProblemError: 409 while rows of the customer wait in an import that is not over; they
            would bring the name back.
    """
    for import_id in await where.imports.holding(cliente):
        await _let_go(import_id, where.imports, where.runs)
    erased = Erased(
        orders=await where.orders.erase_customer(cliente),
        # checkouts first: whoever writes an order of one meanwhile looks at it again behind that
        checkouts=await where.checkouts.erase_customer(cliente),
        placed=await where.placed.erase_customer(cliente),
    )
    # without the name: logs would keep it
    _log.info(
        "customer_erased",
        orders=erased.orders,
        checkouts=erased.checkouts,
        placedOrders=erased.placed,
    )
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
