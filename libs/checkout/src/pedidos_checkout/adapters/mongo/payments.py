"""Our own record of payments, on MongoDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pymongo import ReturnDocument

from pedidos_checkout.adapters.mongo.ages import cursor_of, place_of
from pedidos_checkout.adapters.mongo.documents import if_absent, payment_document, payment_of
from pedidos_checkout.domain.payments import Payment, PaymentStatus, follows
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.ports import Page

MONEY_HELD = [str(PaymentStatus.AUTHORISED), str(PaymentStatus.CAPTURED)]


class MongoPaymentBook:
    """`ports.PaymentBook` on the collection `payments`."""

    def __init__(self, database: Database) -> None:
        self._payments: Collection = database["payments"]

    @guarded
    async def begin(self, payment: Payment) -> Payment:
        """See `ports.PaymentBook.begin`."""
        now = {name: {"$ifNull": [f"${name}", "$$NOW"]} for name in ("createdAt", "updatedAt")}
        # a write also where it is there already, so that a majority has what is answered
        stands = await self._payments.find_one_and_update(
            {"_id": payment.id},
            [{"$set": {**if_absent(payment_document(payment)), **now}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return payment_of(cast("Document", stands))

    @guarded
    async def note(
        self,
        payment_id: str,
        status: PaymentStatus,
        provider_id: str | None = None,
        decline_code: str | None = None,
    ) -> bool:
        """See `ports.PaymentBook.note`."""
        earlier = [str(known) for known in PaymentStatus if follows(known, status)]
        told = {"status": str(status), "providerId": provider_id, "declineCode": decline_code}
        of_ours = {"providerId": {"$in": [None, provider_id]}} if provider_id else {}
        done = await self._payments.update_one(
            {"_id": payment_id, "status": {"$in": earlier}, **of_ours},
            {
                "$set": {name: value for name, value in told.items() if value is not None},
                "$currentDate": {"updatedAt": True},
            },
        )
        return done.matched_count == 1

    @guarded
    async def get(self, payment_id: str) -> Payment | None:
        """See `ports.PaymentBook.get`."""
        found = await confirmed(self._payments).find_one({"_id": payment_id})
        return payment_of(found) if found else None

    @guarded
    async def among(self, payment_ids: Sequence[str]) -> Mapping[str, Payment]:
        """See `ports.PaymentBook.among`."""
        found = confirmed(self._payments).find({"_id": {"$in": list(payment_ids)}})
        return {document["_id"]: payment_of(document) async for document in found}

    @guarded
    async def remove(self, payment_ids: Sequence[str]) -> None:
        """See `ports.PaymentBook.remove`."""
        await self._payments.delete_many({"_id": {"$in": list(payment_ids)}})

    @guarded
    async def page(self, limit: int, cursor: str | None) -> Page[Payment]:
        """See `ports.PaymentBook.page`."""
        query: Document = {"_id": {"$gt": cursor}} if cursor else {}
        found = self._payments.find(query).sort("_id", 1).limit(limit + 1)
        payments = [payment_of(document) async for document in found]
        more = len(payments) > limit
        return Page(payments[:limit], payments[limit - 1].id if more else None)

    @guarded
    async def listed(self, payment_ids: Sequence[str]) -> None:
        """See `ports.PaymentBook.listed`."""
        if payment_ids:
            news = {"_id": {"$in": list(payment_ids)}, "listed": False}
            await self._payments.update_many(news, {"$set": {"listed": True}})

    @guarded
    async def not_listed(
        self, older_than_seconds: float, limit: int, cursor: str | None
    ) -> Page[Payment]:
        """See `ports.PaymentBook.not_listed`."""
        deadline = {"$subtract": ["$$NOW", int(older_than_seconds * 1000)]}
        old = {"$expr": {"$lte": ["$createdAt", deadline]}}
        query: Document = {"listed": False, "status": {"$in": MONEY_HELD}, **old}
        if cursor:
            query |= _behind(cursor)
        oldest = [("createdAt", 1), ("_id", 1)]
        found = confirmed(self._payments).find(query).sort(oldest).limit(limit + 1)
        payments = [payment_of(document) async for document in found]
        last = payments[limit - 1] if len(payments) > limit else None
        return Page(payments[:limit], cursor_of(last.created_at, last.id) if last else None)


def _behind(cursor: str) -> Document:
    at, payment_id = place_of(cursor)
    later: list[Document] = [{"createdAt": {"$gt": at}}, {"_id": {"$gt": payment_id}}]
    return {"createdAt": {"$gte": at}, "$or": later}
