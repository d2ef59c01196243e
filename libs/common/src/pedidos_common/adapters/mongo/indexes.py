"""Collections and indexes; each index's reason is in docs/decisions/0002-storage-layout.md."""

from __future__ import annotations

from pymongo import ASCENDING
from pymongo.errors import CollectionInvalid, OperationFailure

from pedidos_common.adapters.mongo.client import Database
from pedidos_common.adapters.mongo.errors import guarded

PROCESS_TTL_SECONDS = 300
NAMESPACE_EXISTS = 48


async def _create_orders(database: Database) -> None:
    try:
        await database.create_collection(
            "orders", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by_id"}
        )
    except CollectionInvalid:
        return
    except OperationFailure as error:
        # another process made it between the driver's look and its order
        if error.code != NAMESPACE_EXISTS:
            raise


async def ensure_orders(database: Database) -> None:
    """The orders' collection, clustered on `_id`, and its two small partial indexes."""
    await _create_orders(database)
    orders = database["orders"]
    await orders.create_index(
        [("status", ASCENDING), ("_id", ASCENDING)],
        name="failed",
        partialFilterExpression={"status": "falhou"},
    )
    await orders.create_index(
        "externalId",
        name="external_id_once",
        unique=True,
        partialFilterExpression={"externalId": {"$type": "string"}},
    )


@guarded
async def ensure_indexes(database: Database) -> None:
    """Create what is absent; safe to call from every process at start."""
    await ensure_orders(database)
    await database["jobs"].create_index([("status", ASCENDING), ("_id", ASCENDING)], name="status")
    await database["jobs"].create_index(
        [("queue", ASCENDING), ("status", ASCENDING), ("createdSeq", ASCENDING)], name="queues"
    )
    await database["jobs"].create_index(
        "followUpsDue",
        name="follow_ups_due",
        partialFilterExpression={"followUpsDue": True},
    )
    # what it has most of is settled: these two have what is to be tried again
    await database["jobs"].create_index(
        "dueAt", name="due", partialFilterExpression={"status": "retrying"}
    )
    await database["jobs"].create_index(
        [("putOff", ASCENDING), ("queue", ASCENDING), ("status", ASCENDING)],
        name="put_off",
        partialFilterExpression={"putOff": True},
    )
    await database["process_runs"].create_index(
        "active", name="one_active", unique=True, partialFilterExpression={"active": True}
    )
    await database["process_runs"].create_index([("activatedAt", -1), ("_id", -1)], name="newest")
    await database["processes"].create_index(
        "seenAt", name="forget_dead", expireAfterSeconds=PROCESS_TTL_SECONDS
    )
