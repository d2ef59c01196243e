"""Customers of an import ranked by what they spent, inside the server.

A customer's tier follows from its spend and its first line alone, once it is known where each
tier ends: with whom (`Cut`). So no customer is written a second time to note its tier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bson import MaxKey, MinKey

from pedidos_common.adapters.mongo.client import Collection, Document
from pedidos_common.domain.imports import tier_cuts


class Cut(NamedTuple):
    """The last customer of a tier: what it spent in cents, and the line it first stands on.

    The server turns a sum past 2**63 into a float."""

    tier: str
    spend: float
    first: int


def tier_of(customer: Mapping[str, Any], cuts: Sequence[Cut]) -> str:
    """The first tier whose last customer does not stand before this one."""
    place = (-customer["spend"], customer["first"])
    return next(cut.tier for cut in cuts if place <= (-cut.spend, cut.first))


# one value that sorts by falling spend, then by first line: places are numbered by one key only
_BY_SPEND: Document = {"spend": {"$multiply": ["$spend", -1]}, "first": "$first"}


class CustomerRanking:
    """Sums and ranks the customers of one import; memory use is the server's to bound."""

    def __init__(self, rows: Collection, customers: Collection) -> None:
        self._rows, self._customers = rows, customers

    async def sum_spend(self, import_id: str) -> None:
        """Write a document for each customer: spend in cents, first line, number of rows."""
        await self._customers.delete_many(parts_of(import_id, "c"))
        sums = {"spend": {"$sum": "$rows.v"}, "first": {"$min": "$rows.l"}, "rows": {"$sum": 1}}
        # grouping by a plain value and then inserting only takes a third of the time that
        # grouping by the whole id and replacing takes
        pipeline: list[Document] = [
            {"$match": parts_of(import_id, "n")},
            {"$unwind": "$rows"},
            {"$group": {"_id": "$rows.c", **sums}},
            {"$set": {"_id": {"i": import_id, "c": "$_id"}}},
            {"$merge": {"into": self._customers.name, "whenMatched": "fail"}},
        ]
        await self._rows.aggregate(pipeline, allowDiskUse=True)

    async def cuts(self, import_id: str) -> list[Cut]:
        """Where each tier ends; tiers without a customer are left out."""
        mine = parts_of(import_id, "c")
        last_place = dict(reversed(_places(await self._customers.count_documents(mine))))
        pipeline: list[Document] = [
            {"$match": mine},
            {"$project": {"_id": 0, "spend": 1, "first": 1, "by": _BY_SPEND}},
            {
                "$setWindowFields": {
                    "sortBy": {"by": 1},
                    "output": {"place": {"$documentNumber": {}}},
                }
            },
            {"$match": {"place": {"$in": list(last_place)}}},
            {"$sort": {"place": 1}},
        ]
        found = await self._customers.aggregate(pipeline, allowDiskUse=True)
        return [
            Cut(last_place[each["place"]], each["spend"], each["first"]) async for each in found
        ]

    async def rows_by_tier(self, import_id: str, cuts: Sequence[Cut]) -> dict[str, int]:
        """How many rows belong to the customers of each tier."""
        branches = [{"case": _up_to(cut), "then": cut.tier} for cut in cuts]
        if not branches:
            return {}
        tier = {"$switch": {"branches": branches}}
        pipeline: list[Document] = [
            {"$match": parts_of(import_id, "c")},
            {"$group": {"_id": tier, "rows": {"$sum": "$rows"}}},
        ]
        found = await self._customers.aggregate(pipeline)
        return {each["_id"]: int(each["rows"]) async for each in found}


def _places(customers: int) -> list[tuple[int, str]]:
    """(place from 1 of the tier's last customer, tier), highest tier first, without repeats."""
    return [(cut, tier.value) for tier, cut in tier_cuts(customers) if cut]


def _up_to(cut: Cut) -> Document:
    same = {"$and": [{"$eq": ["$spend", cut.spend]}, {"$lte": ["$first", cut.first]}]}
    return {"$or": [{"$gt": ["$spend", cut.spend]}, same]}


def parts_of(import_id: str, key: str) -> Document:
    """The query of all parts of an import whose `_id` is `{i: import, <key>: …}`."""
    low, high = {"i": import_id, key: MinKey()}, {"i": import_id, key: MaxKey()}
    return {"_id": {"$gte": low, "$lte": high}}
