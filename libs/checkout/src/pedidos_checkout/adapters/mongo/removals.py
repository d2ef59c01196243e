"""What retention removes of checkouts, on MongoDB: one document that says how far it came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pedidos_checkout.domain.removal import Removal, Removed
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded

OF_CHECKOUTS = "checkouts"


class MongoRemovals:
    """`ports.Removals` on the collection `removals`."""

    def __init__(self, database: Database) -> None:
        self._removals: Collection = database["removals"]

    @guarded
    async def standing(self) -> Removed:
        """See `ports.Removals.standing`."""
        found = await confirmed(self._removals).find_one({"_id": OF_CHECKOUTS})
        if found is None:
            return Removed()
        return Removed(found["number"], found.get("before"), _removal_in(found))

    @guarded
    async def begin(self, number: int, removal: Removal, before: datetime) -> bool:
        """See `ports.Removals.begin`."""
        there = {"_id": OF_CHECKOUTS}
        if number == 1:
            await self._removals.update_one(there, {"$setOnInsert": {"number": 0}}, upsert=True)
        done = await self._removals.update_one(
            {**there, "number": number - 1, "checkoutIds": None},
            {"$set": {"number": number, **_fields_of(removal)}, "$max": {"before": before}},
        )
        return done.matched_count == 1

    @guarded
    async def end(self, number: int) -> None:
        """See `ports.Removals.end`."""
        nothing: Mapping[str, str] = {"checkoutIds": "", "sold": ""}
        await self._removals.update_one(
            {"_id": OF_CHECKOUTS, "number": number}, {"$unset": nothing}
        )


def _fields_of(removal: Removal) -> Document:
    # skus are no field names: they may have points
    sold = [{"sku": sku, "quantity": quantity} for sku, quantity in removal.sold.items()]
    return {"checkoutIds": list(removal.checkout_ids), "sold": sold}


def _removal_in(document: Document) -> Removal | None:
    if "checkoutIds" not in document:
        return None
    sold = {one["sku"]: one["quantity"] for one in document["sold"]}
    return Removal(tuple(document["checkoutIds"]), sold)
