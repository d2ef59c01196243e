"""Indexes of checkout's collections."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING

from pedidos_common.adapters.mongo.client import Database
from pedidos_common.adapters.mongo.errors import guarded

# a provider tries a webhook again for days
REPORTS_SECONDS = 90 * 86_400


@guarded
async def ensure_checkout_indexes(database: Database) -> None:
    """Create what is absent; safe to call from every process at start."""
    await database["checkouts"].create_index(
        [("kind", ASCENDING), ("key", ASCENDING)],
        name="one_a_key",
        unique=True,
        # not by type: a look-up by a key is known to need no others than those that have one
        partialFilterExpression={"key": {"$exists": True}},
    )
    await database["checkouts"].create_index(
        "createdAt", name="not_begun", partialFilterExpression={"begun": False}
    )
    await database["checkouts"].create_index(
        [("createdAt", ASCENDING), ("_id", ASCENDING)], name="oldest"
    )
    await database["payments"].create_index(
        [("status", ASCENDING), ("createdAt", ASCENDING), ("_id", ASCENDING)],
        name="unlisted",
        partialFilterExpression={"listed": False},
    )
    orders = database["placed_orders"]
    await orders.create_index(
        "number",
        name="one_a_number",
        unique=True,
        partialFilterExpression={"number": {"$type": "string"}},
    )
    await orders.create_index(
        [("customer.id", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)],
        name="history",
    )
    await database["reconciliations"].create_index(
        "startedAt", name="forget", expireAfterSeconds=REPORTS_SECONDS
    )
    await database["reconciliations"].create_index(
        [("complete", ASCENDING), ("finishedAt", DESCENDING)], name="ended"
    )
