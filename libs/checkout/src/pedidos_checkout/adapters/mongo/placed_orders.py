"""Orders placed live, on MongoDB: one a checkout, whose ids and numbers follow from its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from pedidos_checkout.adapters.mongo.ages import cursor_of, place_of
from pedidos_checkout.adapters.mongo.documents import (
    erasure,
    if_absent,
    order_document,
    order_of,
)
from pedidos_checkout.domain.placed_orders import (
    PlacedOrder,
    PlacedStatus,
    order_id_of,
    order_number,
)
from pedidos_common.adapters.mongo.client import CODEC, Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.domain.errors import LeaseLost
from pedidos_common.ports import Page

NUMBERS_TRIED = 10
LATE = "the lease ended before the order was written: nothing was"


class MongoPlacedOrders:
    """`ports.PlacedOrders` on the collection `placed_orders`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders: Collection = database["placed_orders"]

    @guarded
    async def create(self, order: PlacedOrder, fence: datetime) -> PlacedOrder:
        """See `ports.PlacedOrders.create`."""
        hello = await self._database.command("hello", codec_options=CODEC)
        # no upsert can ask for the time; one that comes later still meets its cancellation
        if cast("datetime", hello["localTime"]) >= fence:
            raise LeaseLost(LATE)
        fields = order_document(order)
        for attempt in range(1, NUMBERS_TRIED):
            try:
                return order_of(await self._insert(order.id, fields))
            except DuplicateKeyError:
                # another order's number, or the same order written in the same moment
                fields["number"] = order_number(order.checkout_id, attempt)
        return order_of(await self._insert(order.id, fields))

    async def _insert(self, order_id: str, fields: Document) -> Document:
        now = {"createdAt": {"$ifNull": ["$createdAt", "$$NOW"]}}
        # a write also where it is there already, so that a majority has what is answered
        stands = await self._orders.find_one_and_update(
            {"_id": order_id},
            [{"$set": {**if_absent(fields), **now}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return cast("Document", stands)

    @guarded
    async def confirm(self, checkout_id: str, fence: datetime) -> PlacedOrder | None:
        """See `ports.PlacedOrders.confirm`."""
        waits = {"_id": order_id_of(checkout_id), "status": str(PlacedStatus.AWAITING_PAYMENT)}
        confirmed_now = await self._orders.find_one_and_update(
            {**waits, "$expr": {"$lt": ["$$NOW", fence]}},
            {
                "$set": {"status": str(PlacedStatus.CONFIRMED)},
                "$currentDate": {"confirmedAt": True},
            },
            return_document=ReturnDocument.AFTER,
        )
        if confirmed_now is not None:
            return order_of(confirmed_now)
        stands = await self.of_checkout(checkout_id)
        if stands is not None and stands.status is PlacedStatus.AWAITING_PAYMENT:
            raise LeaseLost(LATE)
        return stands

    @guarded
    async def cancel(self, checkout_id: str) -> None:
        """See `ports.PlacedOrders.cancel`."""
        # where it is not there yet, what is left here is what it will find
        await self._orders.update_one(
            {"_id": order_id_of(checkout_id)},
            {
                "$set": {"status": str(PlacedStatus.CANCELLED), "checkoutId": checkout_id},
                "$currentDate": {"cancelledAt": True},
            },
            upsert=True,
        )

    @guarded
    async def of_checkout(self, checkout_id: str) -> PlacedOrder | None:
        """See `ports.PlacedOrders.of_checkout`."""
        found = await confirmed(self._orders).find_one(_whole({"_id": order_id_of(checkout_id)}))
        return order_of(found) if found else None

    @guarded
    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, PlacedOrder]:
        """See `ports.PlacedOrders.among`."""
        ids = {"_id": {"$in": [order_id_of(one) for one in checkout_ids]}}
        found = confirmed(self._orders).find(_whole(ids))
        return {document["checkoutId"]: order_of(document) async for document in found}

    @guarded
    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.PlacedOrders.remove`."""
        ids = [order_id_of(one) for one in checkout_ids]
        await self._orders.delete_many({"_id": {"$in": ids}})

    @guarded
    async def of_customer(
        self, customer_id: str, limit: int, cursor: str | None
    ) -> Page[PlacedOrder]:
        """See `ports.PlacedOrders.of_customer`."""
        query: Document = {"customer.id": customer_id, **(_behind(cursor) if cursor else {})}
        newest = [("createdAt", -1), ("_id", -1)]
        found = self._orders.find(query).sort(newest).limit(limit + 1).max_time_ms(10_000)
        orders = [order_of(document) async for document in found]
        more = len(orders) > limit
        last = orders[limit - 1] if more else None
        return Page(orders[:limit], cursor_of(last.created_at, last.id) if last else None)

    @guarded
    async def erase_customer(self, name: str) -> int:
        """See `ports.PlacedOrders.erase_customer`."""
        done = await self._orders.update_many({"customer.name": name}, {"$set": erasure()})
        return done.modified_count

    @guarded
    async def erase(self, checkout_id: str) -> None:
        """See `ports.PlacedOrders.erase`."""
        one = _whole({"_id": order_id_of(checkout_id)})
        await self._orders.update_one(one, {"$set": erasure()})


def _whole(query: Document) -> Document:
    """Without those that were cancelled before they came."""
    return {**query, "number": {"$exists": True}}


def _behind(cursor: str) -> Document:
    at, order_id = place_of(cursor)
    earlier: list[Document] = [
        {"createdAt": {"$lt": at}},
        {"createdAt": at, "_id": {"$lt": order_id}},
    ]
    return {"$or": earlier}
