"""Staged imports on MongoDB: whole and durable before a run uses them.

Rows are kept many to a document, in the order of the file, and numbered from 1; a document's
`_id` names the first row in it, so a chunk of rows is a short range scan. Customers' spend is
summed and ranked inside the server (spilling to disk), so a file's size shows in no
process's memory. docs/data-model.md has the documents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import pymongo
from pymongo import ReturnDocument

from pedidos_common.adapters.mongo.client import Collection, Database, Document
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.adapters.mongo.import_documents import (
    report_document,
    report_of,
    row_document,
    row_of,
)
from pedidos_common.adapters.mongo.import_ids import ImportedIds
from pedidos_common.adapters.mongo.import_ranking import CustomerRanking, Cut, parts_of, tier_of
from pedidos_common.domain.imports import ImportGone
from pedidos_common.ports import ImportReport, ImportRow, Rejection

ROWS_PER_DOCUMENT = 1_000
STAGING, SEALED, DISCARDED = "staging", "sealed", "discarded"
LONG_SECONDS = 1_800
_LOOKUP_SIZE = 5_000


class MongoImportStore:
    """`ports.ImportStore` on the collections `imports` and `import_*`."""

    def __init__(self, database: Database) -> None:
        self._imports: Collection = database["imports"]
        self._rows: Collection = database["import_rows"]
        self._customers: Collection = database["import_customers"]
        self._external_ids = ImportedIds(database)
        self._ranking = CustomerRanking(self._rows, self._customers)

    @guarded
    async def begin(self, import_id: str, filename: str) -> None:
        """See `ports.ImportStore.begin`."""
        await self._imports.update_one(
            {"_id": import_id},
            {
                "$setOnInsert": {"state": STAGING, "filename": filename, "staged": 0, "cuts": []},
                "$currentDate": {"touchedAt": True},
            },
            upsert=True,
        )

    @guarded
    async def append(self, import_id: str, rows: Sequence[ImportRow]) -> Sequence[Rejection]:
        """See `ports.ImportStore.append`.

        Raises:
            ImportGone: when the import is not being staged (any more).
        """
        rejected = await self._external_ids.reserve(import_id, rows)
        accepted = [row for row in rows if row.line not in rejected]
        first = await self._number(import_id, len(accepted))
        documents = [
            {
                "_id": {"i": import_id, "n": first + start},
                "rows": [row_document(row) for row in accepted[start : start + ROWS_PER_DOCUMENT]],
            }
            for start in range(0, len(accepted), ROWS_PER_DOCUMENT)
        ]
        if documents:
            await self._rows.insert_many(documents, ordered=False)
        return [Rejection(line, reason) for line, reason in sorted(rejected.items())]

    async def _number(self, import_id: str, count: int) -> int:
        """Take the next `count` row numbers; the first of them."""
        before = await self._imports.find_one_and_update(
            {"_id": import_id, "state": STAGING},
            {"$inc": {"staged": count}, "$currentDate": {"touchedAt": True}},
            {"staged": 1},
            return_document=ReturnDocument.BEFORE,
        )
        if before is None:
            raise ImportGone(import_id)
        return int(before["staged"]) + 1

    @guarded
    async def rank_customers(self, import_id: str) -> Mapping[str, int]:
        """See `ports.ImportStore.rank_customers`."""
        with pymongo.timeout(LONG_SECONDS):
            await self._ranking.sum_spend(import_id)
            cuts = await self._ranking.cuts(import_id)
            await self._imports.update_one(
                {"_id": import_id}, {"$set": {"cuts": [list(cut) for cut in cuts]}}
            )
            return await self._ranking.rows_by_tier(import_id, cuts)

    @guarded
    async def finish(self, report: ImportReport, chunk_size: int) -> None:
        """See `ports.ImportStore.finish`.

        Raises:
            ImportGone: when the import is not being staged (any more).
        """
        fields = {**report_document(report), "chunkSize": chunk_size, "state": SEALED}
        done = await self._imports.update_one(
            {"_id": report.id, "state": STAGING},
            {"$set": fields, "$currentDate": {"touchedAt": True, "sealedAt": True}},
        )
        if not done.matched_count:
            raise ImportGone(report.id)
        await self._external_ids.forget(report.id)

    @guarded
    async def chunk(self, import_id: str, first: int, last: int) -> Sequence[ImportRow]:
        """See `ports.ImportStore.chunk`.

        Raises:
            ImportGone: when the import is not there, or not whole.
        """
        held = await self._imports.find_one({"_id": import_id, "state": SEALED}, {"cuts": 1})
        documents = await self._documents(import_id, first, last)
        if held is None or len(documents) != last - first + 1:
            raise ImportGone(import_id)
        tiers: Mapping[str, str] = {}
        if held["cuts"]:
            names = list({document["c"] for document in documents})
            tiers = await self._tiers(import_id, names, [Cut(*cut) for cut in held["cuts"]])
        return [row_of(document, tiers) for document in documents]

    async def _documents(self, import_id: str, first: int, last: int) -> list[Document]:
        """The row documents from row `first` to `last`, as far as they are there."""
        low = {"i": import_id, "n": first - ROWS_PER_DOCUMENT + 1}
        query = {"_id": {"$gte": low, "$lte": {"i": import_id, "n": last}}}
        held: list[Document] = []
        async for document in self._rows.find(query).sort("_id", 1):
            start = document["_id"]["n"]
            held += document["rows"][max(0, first - start) : last - start + 1]
        return held

    async def _tiers(
        self, import_id: str, names: Sequence[str], cuts: Sequence[Cut]
    ) -> dict[str, str]:
        tiers: dict[str, str] = {}
        for start in range(0, len(names), _LOOKUP_SIZE):
            ids = [{"i": import_id, "c": name} for name in names[start : start + _LOOKUP_SIZE]]
            async for customer in self._customers.find({"_id": {"$in": ids}}):
                tiers[customer["_id"]["c"]] = tier_of(customer, cuts)
        return tiers

    @guarded
    async def report(self, import_id: str) -> ImportReport | None:
        """See `ports.ImportStore.report`."""
        held = await self._imports.find_one({"_id": import_id, "state": SEALED})
        return report_of(held) if held else None

    @guarded
    async def forget_rows(self, import_id: str) -> None:
        """See `ports.ImportStore.forget_rows`."""
        with pymongo.timeout(LONG_SECONDS):
            await self._rows.delete_many(parts_of(import_id, "n"))
            await self._customers.delete_many(parts_of(import_id, "c"))

    @guarded
    async def holding(self, cliente: str) -> Sequence[str]:
        """See `ports.ImportStore.holding`."""
        return [str(held) for held in await self._rows.distinct("_id.i", {"rows.c": cliente})]

    @guarded
    async def discard(self, import_id: str) -> None:
        """See `ports.ImportStore.discard`."""
        # from now on whoever still writes to it is refused; a sweep finds what a crash leaves
        with pymongo.timeout(LONG_SECONDS):
            await self._imports.update_one({"_id": import_id}, {"$set": {"state": DISCARDED}})
            await self._external_ids.forget(import_id)
            await self._rows.delete_many(parts_of(import_id, "n"))
            await self._customers.delete_many(parts_of(import_id, "c"))
            await self._imports.delete_one({"_id": import_id})

    @guarded
    async def clear(self) -> None:
        """See `ports.ImportStore.clear`."""
        with pymongo.timeout(LONG_SECONDS):
            await self._imports.delete_many({})
            await self._external_ids.forget_all()
            await self._rows.drop()
            await self._customers.drop()

    @guarded
    async def sweep(self, idle_seconds: float, is_used: Callable[[str], Awaitable[bool]]) -> int:
        """See `ports.ImportStore.sweep`."""
        before = {"$subtract": ["$$NOW", int(idle_seconds * 1000)]}
        idle = {"$expr": {"$lt": ["$touchedAt", before]}}
        states = [{"state": DISCARDED}, *({"state": state, **idle} for state in (STAGING, SEALED))]
        swept = 0
        async for held in self._imports.find({"$or": states}, {"state": 1}):
            if held["state"] != SEALED or await self._is_orphan(held["_id"], is_used):
                await self.discard(held["_id"])
                swept += 1
        await self._forget_stray_ids()
        return swept

    async def _is_orphan(self, import_id: str, is_used: Callable[[str], Awaitable[bool]]) -> bool:
        rows = await self._rows.find_one(parts_of(import_id, "n"), {"_id": 1})
        return rows is not None and not await is_used(import_id)

    async def _forget_stray_ids(self) -> None:
        """Forget ids that a crash behind a seal, or an append behind a discard, has left."""
        # in this order: whoever takes ids has begun to stage before
        held = await self._external_ids.held()
        staged = {one["_id"] async for one in self._imports.find({"state": STAGING}, {"_id": 1})}
        for import_id in held - staged:
            await self._external_ids.forget(import_id)
