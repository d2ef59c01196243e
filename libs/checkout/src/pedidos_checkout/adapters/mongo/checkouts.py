"""Checkouts on MongoDB: taken in by one write, which those of the same moment share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from pedidos_checkout.adapters.mongo.documents import checkout_document, checkout_of, erasure
from pedidos_checkout.domain.checkouts import Checkout, Kind
from pedidos_checkout.ports import Accepted
from pedidos_common.adapters.grouping import Grouped
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import DUPLICATE_KEY, guarded, is_transient

log = structlog.get_logger(__name__)
LOOKS = 3
# of another release, or damaged: the others are begun all the same
MOST_UNREADABLE = 1_000


class MongoCheckoutStore:
    """`ports.CheckoutStore` on the collection `checkouts`; used in one event loop."""

    def __init__(self, database: Database) -> None:
        self._checkouts: Collection = database["checkouts"]
        self._insertions: Grouped[Checkout, bool] = Grouped(self._insert)

    @guarded
    async def accept(self, checkout: Checkout) -> Accepted:
        """See `ports.CheckoutStore.accept`."""
        for _look in range(LOOKS):
            if await self._insertions.ask(checkout):
                return Accepted(checkout, is_new=True)
            found = await self._there(checkout)
            if found is not None:
                return Accepted(checkout_of(found), is_new=False)
            # the one that had its key was removed in between
        raise LookupError(f"checkout {checkout.id} was there, and is not any more")

    async def _insert(self, checkouts: Sequence[Checkout]) -> Sequence[bool | Exception]:
        try:
            inserts = [_insertion(checkout) for checkout in checkouts]
            done = await self._checkouts.bulk_write(inserts, ordered=False)
            fresh = done.upserted_ids or {}
            return [n in fresh for n in range(len(checkouts))]
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise  # none of them may be durable
            return _apart(error, len(checkouts))
        except Exception as error:
            if (isinstance(error, PyMongoError) and is_transient(error)) or len(checkouts) == 1:
                raise
            # one of them can't be stored: what it meets is its own
            return [await self._insert_alone(checkout) for checkout in checkouts]

    async def _insert_alone(self, checkout: Checkout) -> bool | Exception:
        try:
            return (await self._insert([checkout]))[0]
        except Exception as error:  # noqa: BLE001 - it is raised to whoever asked
            return error

    async def _there(self, checkout: Checkout) -> Document | None:
        """The one that is there, by a write: what a majority does not have yet is waited for."""
        same: list[Document] = [{"_id": checkout.id}]
        if checkout.key is not None:
            same.append({"kind": str(checkout.kind), "key": checkout.key})
        return await self._checkouts.find_one_and_update(
            {"$or": same},
            {"$currentDate": {"askedAgainAt": True}},
            return_document=ReturnDocument.AFTER,
        )

    @guarded
    async def by_key(self, kind: Kind, key: str) -> Checkout | None:
        """See `ports.CheckoutStore.by_key`."""
        return await self._find({"kind": str(kind), "key": key})

    @guarded
    async def get(self, checkout_id: str) -> Checkout | None:
        """See `ports.CheckoutStore.get`."""
        return await self._find({"_id": checkout_id})

    async def _find(self, query: Document) -> Checkout | None:
        found = await confirmed(self._checkouts).find_one(query)
        return checkout_of(found) if found else None

    @guarded
    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, Checkout]:
        """See `ports.CheckoutStore.among`."""
        found = confirmed(self._checkouts).find({"_id": {"$in": list(checkout_ids)}})
        return {document["_id"]: checkout_of(document) async for document in found}

    @guarded
    async def begun(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.CheckoutStore.begun`."""
        if checkout_ids:
            which = {"_id": {"$in": list(checkout_ids)}}
            await self._checkouts.update_many(which, {"$unset": {"begun": ""}})

    @guarded
    async def not_begun(self, older_than_seconds: float, limit: int) -> Sequence[Checkout]:
        """See `ports.CheckoutStore.not_begun`."""
        deadline = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
        query = {"begun": False, "$expr": {"$lte": ["$createdAt", deadline]}}
        # what a fail-over takes back would get jobs and no checkout
        found = confirmed(self._checkouts).find(query).sort("createdAt", 1)
        left: list[Checkout] = []
        unreadable: list[str] = []
        async for document in found.limit(limit + MOST_UNREADABLE):
            try:
                left.append(checkout_of(document))
            except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError):
                unreadable.append(str(document["_id"]))
            if len(left) == limit:
                break
        if unreadable:
            log.warning("checkouts_not_readable", count=len(unreadable), first=unreadable[:3])
        return left

    @guarded
    async def accepted_before(
        self, before: datetime, limit: int, after: Checkout | None = None
    ) -> Sequence[Checkout]:
        """See `ports.CheckoutStore.accepted_before`."""
        query: Document = {"createdAt": {"$lt": before}, "begun": None}
        if after is not None:
            at = after.created_at
            later = [{"createdAt": {"$gt": at}}, {"createdAt": at, "_id": {"$gt": after.id}}]
            query = {"createdAt": {"$gte": at, "$lt": before}, "begun": None, "$or": later}
        oldest = [("createdAt", 1), ("_id", 1)]
        found = confirmed(self._checkouts).find(query).sort(oldest).limit(limit)
        return [checkout_of(document) async for document in found]

    @guarded
    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.CheckoutStore.remove`."""
        await self._checkouts.delete_many({"_id": {"$in": list(checkout_ids)}})

    @guarded
    async def keep_reply(self, checkout_id: str, reply: Mapping[str, Any]) -> None:
        """See `ports.CheckoutStore.keep_reply`."""
        first = {"_id": checkout_id, "reply": None}
        await self._checkouts.update_one(first, {"$set": {"reply": dict(reply)}})

    @guarded
    async def erase_customer(self, name: str) -> int:
        """See `ports.CheckoutStore.erase_customer`."""
        change = {"$set": erasure(), "$unset": {"session": "", "reference": ""}}
        return (await self._checkouts.update_many({"customer.name": name}, change)).modified_count


def _insertion(checkout: Checkout) -> UpdateOne:
    # an upsert, as an insert can't ask for the server's time
    return UpdateOne(
        {"_id": checkout.id},
        {"$setOnInsert": checkout_document(checkout), "$currentDate": {"createdAt": True}},
        upsert=True,
    )


def _apart(error: BulkWriteError, count: int) -> Sequence[bool | Exception]:
    """What each of them met: whether it was stored, or an error of its own."""
    fresh = {one["index"] for one in error.details["upserted"]}
    answers: list[bool | Exception] = [n in fresh for n in range(count)]
    for each in error.details["writeErrors"]:
        if each["code"] != DUPLICATE_KEY:
            details = {**error.details, "writeErrors": [each]}
            answers[each["index"]] = BulkWriteError(details)
    return answers
