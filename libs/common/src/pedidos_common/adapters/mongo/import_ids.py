"""External order ids of an import while it is staged: each is taken once.

They are in a collection of their own, unique by `_id`, which is gone again in one drop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pedidos_common.adapters.mongo.client import Collection, Database
from pedidos_common.adapters.mongo.inserts import insert_absent
from pedidos_common.ports import ImportRow

PREFIX = "import_ids."
_IN_FILE = "external id {!r} stands in this file before"
_IN_STORE = "external id {!r} belongs to an order that was imported before"


class ImportedIds:
    """Looks at the ids of one import and at those of all orders."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders: Collection = database["orders"]

    def _of(self, import_id: str) -> Collection:
        return self._database[f"{PREFIX}{import_id}"]

    async def reserve(self, import_id: str, rows: Sequence[ImportRow]) -> dict[int, str]:
        """Reasons by line for rows whose external id is taken; the other ids are taken now."""
        rejected: dict[int, str] = {}
        lines: dict[str, int] = {}
        for row in rows:
            if row.external_id is None:
                continue
            if row.external_id in lines:
                rejected[row.line] = _IN_FILE.format(row.external_id)
            else:
                lines[row.external_id] = row.line
        for name in await self._stored(list(lines)):
            rejected[lines.pop(name)] = _IN_STORE.format(name)
        for name in await self._taken(import_id, list(lines)):
            rejected[lines[name]] = _IN_FILE.format(name)
        return rejected

    async def _stored(self, names: Sequence[str]) -> list[str]:
        if not names:
            return []
        # the type is what lets the partial index answer
        query = {"externalId": {"$in": list(names), "$type": "string"}}
        found = self._orders.find(query, {"_id": 0, "externalId": 1})
        return [document["externalId"] async for document in found]

    async def _taken(self, import_id: str, names: Sequence[str]) -> list[str]:
        there = await insert_absent(self._of(import_id), [{"_id": name} for name in names])
        return [names[position] for position in there]

    async def forget(self, import_id: str) -> None:
        """Forget the ids of one import."""
        await self._of(import_id).drop()

    async def held(self) -> set[str]:
        """The imports of which ids are held."""
        name = {"name": {"$regex": f"^{re.escape(PREFIX)}"}}
        found = await self._database.list_collection_names(filter=name)
        return {each.removeprefix(PREFIX) for each in found}

    async def forget_all(self) -> None:
        """Forget the ids of every import."""
        for import_id in await self.held():
            await self.forget(import_id)
