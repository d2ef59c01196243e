"""Stock on MongoDB: each change of a product is one conditional update of its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne

from pedidos_checkout.adapters.mongo import stock_changes as changes
from pedidos_checkout.domain.checkouts import Checkout, Line, quantities
from pedidos_checkout.ports import StockLevel
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.domain.errors import LeaseLost
from pedidos_common.ports import Page

LOOKS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What products look like to one checkout: which are held for it, and of which is enough."""

    held: frozenset[str]
    enough: frozenset[str]
    is_late: bool


class MongoStock:
    """`ports.Stock` on the collection `stock`."""

    def __init__(self, database: Database) -> None:
        self._stock: Collection = database["stock"]

    @guarded
    async def reserve(
        self, checkout_id: str, lines: Sequence[Line], hold_seconds: float, fence: datetime
    ) -> Sequence[str]:
        """See `ports.Stock.reserve`."""
        wanted = quantities(lines)
        short: list[str] = []
        for _look in range(LOOKS):
            takes = [
                changes.taking(checkout_id, sku, quantity, hold_seconds, fence)
                for sku, quantity in wanted.items()
            ]
            if await self._write(takes):
                return []
            found = await self._look(checkout_id, wanted, fence)
            missing = wanted.keys() - found.held
            if not missing:
                return []
            _refuse_late(found)
            short = sorted(missing - found.enough)
            if short:
                break
            # some came back between the update and the look
        # this call may come late: its caller was stopped, and the next one made the order
        back = [changes.taking_back(checkout_id, *one, fence) for one in wanted.items()]
        await self._write(back)
        return short or sorted(missing)

    async def _write(self, updates: Sequence[UpdateOne]) -> bool:
        """Whether each of them found what it looks for."""
        if not updates:
            return True
        done = await self._stock.bulk_write(list(updates), ordered=True)
        return done.matched_count == len(updates)

    async def _look(self, checkout_id: str, wanted: Mapping[str, int], fence: datetime) -> Found:
        mine = changes.hold(checkout_id)
        look: list[Document] = [
            {"$match": {"_id": {"$in": list(wanted)}}},
            {"$project": {"available": 1, mine: 1, "late": {"$gte": ["$$NOW", fence]}}},
        ]
        documents = [one async for one in await self._stock.aggregate(look)]
        return Found(
            held=frozenset(one["_id"] for one in documents if one.get("holds")),
            enough=frozenset(
                one["_id"] for one in documents if one["available"] >= wanted[one["_id"]]
            ),
            is_late=any(one["late"] for one in documents),
        )

    @guarded
    async def pin(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """See `ports.Stock.pin`."""
        wanted = quantities(lines)
        if await self._write([changes.pinning(checkout_id, sku, fence) for sku in wanted]):
            return True
        _refuse_late(await self._look(checkout_id, wanted, fence))
        return False

    @guarded
    async def commit(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """See `ports.Stock.commit`."""
        wanted = quantities(lines)
        sales = [changes.selling(checkout_id, *one, fence) for one in wanted.items()]
        if await self._write(sales):
            return True
        found = await self._look(checkout_id, wanted, fence)
        if found.held:
            _refuse_late(found)
        return False

    @guarded
    async def release(self, checkout_id: str, lines: Sequence[Line]) -> None:
        """See `ports.Stock.release`."""
        wanted = quantities(lines)
        await self._write([changes.giving_back(checkout_id, *one) for one in wanted.items()])

    @guarded
    async def release_expired(self, limit: int) -> int:
        """See `ports.Stock.release_expired`."""
        found = await confirmed(self._stock).aggregate(changes.expired_pipeline(limit))
        ends = [_ending(document) async for document in found]
        if not ends:
            return 0
        return (await self._stock.bulk_write(ends, ordered=False)).modified_count

    @guarded
    async def holds(self, after: str | None, limit: int) -> Sequence[tuple[str, str, int]]:
        """See `ports.Stock.holds`."""
        found = await confirmed(self._stock).aggregate(changes.held_pipeline(after, limit))
        return [
            (hold["k"], document["_id"], hold["v"]["quantity"])
            async for document in found
            for hold in document["holds"]
        ]

    @guarded
    async def holding(self, checkouts: Sequence[Checkout]) -> frozenset[str]:
        """See `ports.Stock.holding`."""
        skus = {line.sku for one in checkouts for line in one.lines}
        if not skus:
            return frozenset()
        theirs = {changes.hold(one.id): 1 for one in checkouts}
        found = confirmed(self._stock).find({"_id": {"$in": sorted(skus)}}, theirs)
        held = [set(document.get("holds", {})) async for document in found]
        return frozenset().union(*held)

    @guarded
    async def note_removed(self, number: int, sold: Mapping[str, int]) -> None:
        """See `ports.Stock.note_removed`."""
        if sold:
            notes = [changes.noting_removed(number, *one) for one in sorted(sold.items())]
            await self._stock.bulk_write(notes, ordered=False)

    @guarded
    async def levels(self, skus: Sequence[str]) -> Mapping[str, StockLevel]:
        """See `ports.Stock.levels`."""
        levels = await self._levels([{"$match": {"_id": {"$in": list(skus)}}}])
        return {level.sku: level for level in levels}

    async def _levels(self, first: Sequence[Document]) -> list[StockLevel]:
        found = await confirmed(self._stock).aggregate(changes.levels_pipeline(first))
        return [
            StockLevel(
                sku=one["_id"],
                available=one["available"],
                held=one["held"],
                sold=one["sold"],
                stocked=one["stocked"],
                sold_removed=one.get("soldRemoved", 0),
            )
            async for one in found
        ]

    @guarded
    async def page(self, limit: int, cursor: str | None) -> Page[StockLevel]:
        """See `ports.Stock.page`."""
        further: Document = {"_id": {"$gt": cursor}} if cursor else {}
        levels = await self._levels(
            [{"$match": further}, {"$sort": {"_id": 1}}, {"$limit": limit + 1}]
        )
        return Page(levels[:limit], levels[limit - 1].sku if len(levels) > limit else None)


def _refuse_late(found: Found) -> None:
    if found.is_late:
        raise LeaseLost("the lease ended before the stock was changed: nothing was")


def _ending(document: Document) -> UpdateOne:
    over = document["over"]
    return changes.expiring(over["k"], document["_id"], over["v"]["quantity"], over["v"]["heldAt"])
