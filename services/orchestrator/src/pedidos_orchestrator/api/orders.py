"""Orders, one by one and in pages."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from pedidos_common.domain.orders import OrderStatus, Priority, Tier
from pedidos_common.ports import OrderFilter
from pedidos_orchestrator.api.context import (
    Context,
    IdCursor,
    PageLimit,
    RunFilter,
    id_cursor,
    known_id,
)
from pedidos_orchestrator.api.models_orders import OrderPage, OrderShape
from pedidos_orchestrator.problems import not_found, problems
from pedidos_orchestrator.views import order_view

LIST_PATH = "/pedidos/orders"

router = APIRouter(prefix="/pedidos", tags=["orders"])


@router.get(
    "/orders",
    summary="Orders by id",
    response_model=OrderPage,
    responses=problems(422, 503),
)
async def list_orders(
    api: Context,
    run: RunFilter = None,
    priority: Priority | None = None,
    status: OrderStatus | None = None,
    tier: Tier | None = None,
    cliente: Annotated[str | None, Query(max_length=500)] = None,
    limit: PageLimit = 100,
    cursor: IdCursor = None,
) -> dict[str, Any]:
    """A page of the orders that fit all filters."""
    wanted = OrderFilter(UUID(run) if run else None, priority, status, tier, cliente)
    page = await api.deps.orders.page(wanted, limit, id_cursor(cursor))
    return {"items": [order_view(record) for record in page.items], "cursor": page.cursor}


@router.get(
    "/orders/{orderId}",
    summary="One order",
    response_model=OrderShape,
    responses=problems(404, 503),
)
async def get_order(api: Context, orderId: str) -> dict[str, Any]:
    """An order with what processing added to it."""
    record = await api.deps.orders.get(known_id("order", orderId))
    if record is None:
        raise not_found("order", orderId)
    return order_view(record)
