"""What each step of an order looks for, and what it changes: queries and updates, without a server.

Every step filters on `status: pendente`, and on the server's clock being before `fence`, the end
of the worker's lease.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import UpdateOne

from pedidos_common.adapters.mongo.client import Document
from pedidos_common.adapters.mongo.order_documents import range_filter
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.orders import OrderFailure, OrderStatus

ERROR_LIMIT = 500


def not_redriven(orders: OrderRange) -> Document:
    """The range without what was sent again.

    That is its redrive's job alone: the batch that it failed in is done with it.
    """
    return {**range_filter(orders), "firstFailedAt": None}


def pending(query: Document, fence: datetime) -> Document:
    """Those of the query that have no final state, as long as the lease lasts."""
    in_time = {"$expr": {"$lt": ["$$NOW", fence]}}
    return {**query, "status": OrderStatus.PENDENTE, **in_time}


def processed(observacoes: str) -> Document:
    """The handler has succeeded."""
    return {
        "$set": {"status": OrderStatus.PROCESSADO, "observacoes": observacoes},
        "$currentDate": {"processedAt": True},
        "$inc": {"attempts": 1},
        "$unset": {"error": ""},
    }


def failed(failure: OrderFailure, fence: datetime) -> UpdateOne:
    """The handler has failed, for good or for now."""
    change: Document = {"$set": {"error": failure.error[:ERROR_LIMIT]}, "$inc": {"attempts": 1}}
    if failure.final:
        change["$set"]["status"] = OrderStatus.FALHOU
        change["$currentDate"] = {"failedAt": True}
    return UpdateOne(pending({"_id": failure.id}, fence), change)


def given_up(error: str) -> Document:
    """No handler is asked any more; that was no attempt."""
    return {
        "$set": {"status": OrderStatus.FALHOU, "error": error[:ERROR_LIMIT]},
        "$currentDate": {"failedAt": True},
    }


def revived() -> list[Document]:
    """A dead letter is sent again, with all its attempts before it."""
    return [
        {
            "$set": {
                "status": OrderStatus.PENDENTE,
                "attempts": 0,
                # the order's first final state is what the barrier waited for
                "firstFailedAt": {"$ifNull": ["$firstFailedAt", "$failedAt"]},
            }
        }
    ]
