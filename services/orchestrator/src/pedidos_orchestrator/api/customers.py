"""What a customer may ask for."""

from __future__ import annotations

from fastapi import APIRouter

from pedidos_orchestrator.api.context import Context
from pedidos_orchestrator.api.models_orders import EraseRequest, EraseResult
from pedidos_orchestrator.problems import problems
from pedidos_orchestrator.use_cases.erase import erase_customer

router = APIRouter(prefix="/pedidos/customers", tags=["customers"])


@router.post(
    "/erase",
    summary="Erase a customer's name",
    response_model=EraseResult,
    responses=problems(400, 409, 413, 422, 503),
)
async def erase(api: Context, wanted: EraseRequest) -> dict[str, int]:
    """Replace the name in orders, and what an order handler wrote about them (`error`,
    `observacoes`). Not in log lines of before, and not in exports that were made already."""
    deps = api.deps
    return {"orders": await erase_customer(wanted.cliente, deps.orders, deps.imports, deps.runs)}
