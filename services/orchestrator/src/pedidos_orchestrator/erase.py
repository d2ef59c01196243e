"""Erase a customer's name wherever it stands."""

from __future__ import annotations

import structlog

from pedidos_common.ports import ImportStore, OrderStore
from pedidos_orchestrator.problems import ProblemError

_log = structlog.get_logger()


async def erase_customer(cliente: str, orders: OrderStore, imports: ImportStore) -> int:
    """Replace the name in every order of the customer; how many orders.

    Raises:
        ProblemError: 409 while rows of the customer wait in an import that is not over; they
            would bring the name back.
    """
    if await imports.holds_customer(cliente):
        raise ProblemError(
            409,
            "an import that is not over holds rows of this customer: let its run end "
            "(or resume it, or reset), then erase again",
            slug="import-not-over",
        )
    erased = await orders.erase_customer(cliente)
    _log.info("customer_erased", orders=erased)  # without the name: logs would keep it
    return erased
