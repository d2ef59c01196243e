"""Orders on MongoDB: whole ranges in one write, each change at most once.

A batch is one contiguous range of `_id`, so reading and updating it is a range scan of the
clustered collection. Every change filters on `status: pendente`, and on the server's clock
being before the lease's end (`fence`), so a worker that lost its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pymongo import UpdateOne

from pedidos_common.adapters.mongo import order_changes as changes
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import batches, guarded
from pedidos_common.adapters.mongo.inserts import insert_absent, insert_fresh
from pedidos_common.adapters.mongo.order_documents import (
    listing_filter,
    order_of,
    range_filter,
    record_of,
)
from pedidos_common.domain.ids import OrderRange, whole_run
from pedidos_common.domain.orders import (
    ERASED,
    NAMELESS,
    Order,
    OrderFailure,
    OrderStatus,
    StatusCounts,
)
from pedidos_common.ports import OrderFilter, OrderRecord, Page


class EncodedChunk(Protocol):
    """What `insert_chunk` needs of an encoded chunk."""

    @property
    def range(self) -> OrderRange:
        """The ids of its orders."""
        ...

    @property
    def documents(self) -> Sequence[Any]:
        """Its orders as encoded documents, ids rising."""
        ...


EXPORT_BATCH = 2_000


class MongoOrderStore:
    """`ports.OrderStore` on the collection `orders`."""

    def __init__(self, database: Database) -> None:
        self._orders: Collection = database["orders"]

    @guarded
    async def insert_chunk(self, orders: EncodedChunk, redelivered: bool) -> int:
        """See `ports.OrderStore.insert_chunk`."""
        documents = orders.documents
        if redelivered:
            documents = await self._absent(orders)
        elif await insert_fresh(self._orders, documents):
            return len(documents)
        dropped = await insert_absent(self._orders, documents)
        if not redelivered and not dropped:
            return len(documents)
        return (await self._count(range_filter(orders.range))).total

    async def _absent(self, orders: EncodedChunk) -> Sequence[Any]:
        # one that a zombie has just written may be taken back, and is not written again
        found = confirmed(self._orders).find(range_filter(orders.range), {"_id": 1})
        there = {document["_id"] async for document in found}
        return [document for document in orders.documents if document["_id"] not in there]

    @guarded
    async def read_pending(self, orders: OrderRange, limit: int) -> Sequence[Order]:
        """See `ports.OrderStore.read_pending`."""
        query = {**changes.not_redriven(orders), "status": OrderStatus.PENDENTE}
        found = self._orders.find(query, limit=limit, batch_size=limit + 1)
        return [order_of(document) async for document in found]

    @guarded
    async def read_pending_among(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """See `ports.OrderStore.read_pending_among`."""
        if not order_ids:
            return []
        # by `$in` alone MongoDB 6.0 scans a clustered collection from end to end
        among = {"$in": list(order_ids), "$gte": min(order_ids), "$lte": max(order_ids)}
        query = {"_id": among, "status": OrderStatus.PENDENTE}
        return [order_of(document) async for document in self._orders.find(query).sort("_id", 1)]

    @guarded
    async def mark_processed(
        self,
        orders: OrderRange,
        observacoes: str,
        fence: datetime,
        except_ids: Sequence[UUID] = (),
        *,
        first_time: bool = False,
    ) -> int:
        """See `ports.OrderStore.mark_processed`."""
        query = range_filter(orders) if first_time else changes.not_redriven(orders)
        if except_ids:
            query["_id"]["$nin"] = list(except_ids)
        done = await self._orders.update_many(
            changes.pending(query, fence), changes.processed(observacoes)
        )
        return done.modified_count

    @guarded
    async def mark_each(self, observations: Mapping[UUID, str], fence: datetime) -> int:
        """See `ports.OrderStore.mark_each`."""
        marks = [
            UpdateOne(changes.pending({"_id": order_id}, fence), changes.processed(text))
            for order_id, text in observations.items()
        ]
        return await self._write(marks)

    @guarded
    async def mark_failures(self, failures: Sequence[OrderFailure], fence: datetime) -> int:
        """See `ports.OrderStore.mark_failures`."""
        return await self._write([changes.failed(failure, fence) for failure in failures])

    async def _write(self, updates: Sequence[UpdateOne]) -> int:
        if not updates:
            return 0
        return (await self._orders.bulk_write(list(updates), ordered=False)).modified_count

    @guarded
    async def fail_rest(self, orders: OrderRange, error: str, fence: datetime) -> int:
        """See `ports.OrderStore.fail_rest`."""
        done = await self._orders.update_many(
            changes.pending(changes.not_redriven(orders), fence),
            changes.given_up(error),
        )
        return done.modified_count

    @guarded
    async def count(self, orders: OrderRange) -> StatusCounts:
        """See `ports.OrderStore.count`."""
        return await self._count(range_filter(orders))

    async def _count(self, query: Document) -> StatusCounts:
        redriven = {"$gt": ["$firstFailedAt", None]}
        first_final = {"$cond": [redriven, OrderStatus.FALHOU, "$status"]}
        group: Document = {"$group": {"_id": first_final, "n": {"$sum": 1}}}
        # a job is settled by this: a zombie's marks that may be taken back don't count
        groups = await confirmed(self._orders).aggregate([{"$match": query}, group])
        return StatusCounts(**{str(g["_id"]): int(g["n"]) async for g in groups})

    @guarded
    async def get(self, order_id: UUID) -> OrderRecord | None:
        """See `ports.OrderStore.get`."""
        document = await confirmed(self._orders).find_one({"_id": order_id})
        return record_of(document) if document else None

    @guarded
    async def page(self, wanted: OrderFilter, limit: int, cursor: str | None) -> Page[OrderRecord]:
        """See `ports.OrderStore.page`."""
        query = listing_filter(wanted, UUID(cursor) if cursor else None)
        found = self._orders.find(query, limit=limit + 1).sort("_id", 1).max_time_ms(10_000)
        records = [record_of(document) async for document in found]
        more = len(records) > limit
        return Page(records[:limit], str(records[limit - 1].order.id) if more else None)

    @guarded
    async def dead(self, limit: int) -> int:
        """See `ports.OrderStore.dead`."""
        return await self._orders.count_documents({"status": OrderStatus.FALHOU}, limit=limit)

    async def export(self, run_id: UUID) -> AsyncIterator[OrderRecord]:
        """See `ports.OrderStore.export`."""
        query = range_filter(whole_run(run_id))
        found = self._orders.find(query, batch_size=EXPORT_BATCH).sort("_id", 1)
        async for documents in batches(found, EXPORT_BATCH):
            for document in documents:
                yield record_of(document)

    @guarded
    async def delete_pending(self, orders: OrderRange) -> int:
        """See `ports.OrderStore.delete_pending`."""
        query = {**changes.not_redriven(orders), "status": OrderStatus.PENDENTE}
        return (await self._orders.delete_many(query)).deleted_count

    @guarded
    async def delete(self, orders: OrderRange | None) -> int:
        """See `ports.OrderStore.delete`."""
        query: Document = range_filter(orders) if orders else {}
        return (await self._orders.delete_many(query)).deleted_count

    @guarded
    async def delete_before(self, run_id: UUID) -> int:
        """See `ports.OrderStore.delete_before`."""
        return (await self._orders.delete_many({"_id": {"$lt": run_id}})).deleted_count

    @guarded
    async def revive(self, order_ids: Sequence[UUID]) -> Sequence[Order]:
        """See `ports.OrderStore.revive`."""
        ids = {"_id": {"$in": list(order_ids)}}
        dead = {**ids, "status": OrderStatus.FALHOU}
        orders = [order_of(document) async for document in self._orders.find(dead)]
        await self._orders.update_many(dead, changes.revived())
        return orders

    @guarded
    async def erase_customer(self, cliente: str) -> int:
        """See `ports.OrderStore.erase_customer`."""
        erased = {"$literal": ERASED}
        fields = {
            "cliente": erased,
            "error": {"$cond": [{"$gt": ["$error", None]}, erased, "$$REMOVE"]},
            "observacoes": {
                "$cond": [{"$in": ["$observacoes", sorted(NAMELESS)]}, "$observacoes", erased]
            },
        }
        done = await self._orders.update_many({"cliente": cliente}, [{"$set": fields}])
        return done.modified_count
