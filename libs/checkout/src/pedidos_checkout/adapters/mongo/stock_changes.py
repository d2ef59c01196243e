"""What each change of stock looks for, and what it changes: queries and updates, without a server.

A product's holds are embedded in its document, so that one update takes and notes what it took,
by its own filter never more than there is. Plain operators, no pipelines: with thousands of holds
a pipeline would rebuild the whole document for each. Thus a hold has the time it began at
(`heldAt`, the server's) and its length, and none of both once it lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateOne

from pedidos_common.adapters.mongo.client import Document


def hold(checkout_id: str) -> str:
    """Where a checkout's hold is, in a product's document."""
    return f"holds.{checkout_id}"


def in_time(fence: datetime) -> Document:
    """As long as the lease lasts."""
    return {"$expr": {"$lt": ["$$NOW", fence]}}


def taking(
    checkout_id: str, sku: str, quantity: int, hold_seconds: float, fence: datetime
) -> UpdateOne:
    """Hold some of a product of which there is enough, and of which the checkout holds nothing."""
    mine = hold(checkout_id)
    enough = {"_id": sku, "available": {"$gte": quantity}, mine: {"$exists": False}}
    return UpdateOne(
        {**enough, **in_time(fence)},
        {
            "$inc": {"available": -quantity},
            "$set": {f"{mine}.quantity": quantity, f"{mine}.seconds": hold_seconds},
            "$currentDate": {f"{mine}.heldAt": True},
        },
    )


def pinning(checkout_id: str, sku: str, fence: datetime) -> UpdateOne:
    """A hold lasts until it is committed or released."""
    mine = hold(checkout_id)
    return UpdateOne(
        {"_id": sku, mine: {"$exists": True}, **in_time(fence)},
        {"$unset": {f"{mine}.heldAt": "", f"{mine}.seconds": ""}},
    )


def selling(checkout_id: str, sku: str, quantity: int, fence: datetime) -> UpdateOne:
    """What is held is sold."""
    mine = hold(checkout_id)
    return UpdateOne(
        {"_id": sku, f"{mine}.quantity": quantity, **in_time(fence)},
        {"$inc": {"sold": quantity}, "$unset": {mine: ""}},
    )


def giving_back(checkout_id: str, sku: str, quantity: int) -> UpdateOne:
    """What is held can be bought again."""
    mine = hold(checkout_id)
    return UpdateOne(
        {"_id": sku, f"{mine}.quantity": quantity},
        {"$inc": {"available": quantity}, "$unset": {mine: ""}},
    )


def taking_back(checkout_id: str, sku: str, quantity: int, fence: datetime) -> UpdateOne:
    """The same of a reservation that came to nothing; not of an order that came about meanwhile."""
    mine = hold(checkout_id)
    return UpdateOne(
        {
            "_id": sku,
            f"{mine}.quantity": quantity,
            f"{mine}.heldAt": {"$exists": True},
            **in_time(fence),
        },
        {"$inc": {"available": quantity}, "$unset": {mine: ""}},
    )


def expiring(checkout_id: str, sku: str, quantity: int, held_at: datetime) -> UpdateOne:
    """The same for a hold whose time is over, as long as nobody made it last."""
    mine = hold(checkout_id)
    return UpdateOne(
        {"_id": sku, f"{mine}.quantity": quantity, f"{mine}.heldAt": held_at},
        {"$inc": {"available": quantity}, "$unset": {mine: ""}},
    )


def noting_removed(number: int, sku: str, quantity: int) -> UpdateOne:
    """So much of what is sold is of checkouts that the removal of this number removes."""
    return UpdateOne(
        {"_id": sku, "removal": {"$not": {"$gte": number}}},
        {"$inc": {"soldRemoved": quantity}, "$set": {"removal": number}},
    )


AS_LIST = {"$objectToArray": "$holds"}


def expired_pipeline(limit: int) -> list[Document]:
    """Holds whose time is over, one a document."""
    until = {"$add": ["$$hold.v.heldAt", {"$multiply": ["$$hold.v.seconds", 1000]}]}
    # a hold that lasts has no `heldAt`, and null comes before every date
    is_over = {
        "$and": [{"$gt": ["$$hold.v.heldAt", None]}, {"$lte": [until, "$$NOW"]}],
    }
    over = {"$filter": {"input": AS_LIST, "as": "hold", "cond": is_over}}
    return [
        {"$match": {"holds": {"$ne": {}}}},
        {"$project": {"over": over}},
        {"$unwind": "$over"},
        {"$limit": limit},
    ]


def held_pipeline(after: str | None, limit: int) -> list[Document]:
    """What is held of some products, as lists of `k` (whose) and `v` (how much)."""
    further: Document = {"_id": {"$gt": after}} if after is not None else {}
    return [
        {"$match": {**further, "holds": {"$ne": {}}}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
        {"$project": {"holds": AS_LIST}},
    ]


def levels_pipeline(first: Sequence[Document]) -> list[Document]:
    """How products stand, their holds summed by the server."""
    held = {"$sum": {"$map": {"input": AS_LIST, "as": "hold", "in": "$$hold.v.quantity"}}}
    fields = dict.fromkeys(("available", "sold", "stocked", "soldRemoved"), 1)
    return [*first, {"$project": {**fields, "held": held}}]
