"""What a customer may ask for."""

from __future__ import annotations

from fastapi import APIRouter

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_orders import EraseRequest, EraseResult
from pedidos_orchestrator.problems import problems
from pedidos_orchestrator.use_cases.erase import Erasing, erase_customer

router = APIRouter(prefix="/pedidos/customers", tags=["customers"])


@router.post(
    "/erase",
    summary="Erase a customer's name",
    response_model=EraseResult,
    responses=problems(400, 409, 413, 422, 503),
)
async def erase(api: Context, wanted: EraseRequest) -> dict[str, int]:
    """Replace the name in orders, and what an order handler wrote about them (`error`,
    `observacoes`); in checkouts and orders placed live also mail address, phone number and
    session. Not in log lines of before, and not in exports that were made already."""
    deps, shop = api.deps, api.deps.checkout
    where = Erasing(deps.orders, deps.imports, deps.runs, shop.checkouts, shop.orders)
    erased = await erase_customer(wanted.cliente, where)
    return {
        "orders": erased.orders,
        "checkouts": erased.checkouts,
        "placedOrders": erased.placed,
    }
