"""An order's document: reading it back (writing is in `encoding.py`), and queries over it."""

from __future__ import annotations

from uuid import UUID

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.domain.ids import OrderRange, whole_run
from pedidos_common.domain.orders import Order, Priority, Tier
from pedidos_common.ports import OrderFilter, OrderRecord


def range_filter(orders: OrderRange) -> Document:
    """The query of a contiguous range of orders."""
    return {"_id": {"$gte": orders.low, "$lte": orders.high}}


def listing_filter(wanted: OrderFilter, after: UUID | None) -> Document:
    """The query of a listing, behind the order `after` (a page's cursor)."""
    query: Document = range_filter(whole_run(wanted.run_id)) if wanted.run_id else {}
    if after is not None:
        query.setdefault("_id", {})["$gt"] = after
    for name in ("priority", "status", "tier", "cliente"):
        value = getattr(wanted, name)
        if value is not None:
            query[name] = str(value)
    return query


def order_of(document: Document) -> Order:
    """The order that a document holds, as a handler sees it."""
    return Order(
        id=document["_id"],
        cliente=document["cliente"],
        valor=document["valor"].to_decimal(),
        tier=Tier(document["tier"]),
        priority=Priority(document["priority"]),
        created_at=document["createdAt"],
        attempts=document.get("attempts", 0),
        external_id=document.get("externalId"),
    )


def record_of(document: Document) -> OrderRecord:
    """The order with all that is stored about it."""
    return OrderRecord(
        order=order_of(document),
        status=document["status"],
        observacoes=document["observacoes"],
        processed_at=document.get("processedAt"),
        failed_at=document.get("failedAt"),
        error=document.get("error"),
        ordered_at=document.get("orderedAt"),
        quantidade=document.get("quantidade"),
    )
