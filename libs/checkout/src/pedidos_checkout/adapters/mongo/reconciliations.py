"""What was compared with the provider and how far, on MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from pymongo import DESCENDING

from pedidos_checkout.domain.reconciliation import (
    ID_HEAD,
    Difference,
    Found,
    Progress,
    Repair,
    Report,
    Standing,
)
from pedidos_common.adapters.mongo.client import Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.adapters.mongo.reading import known_fields
from pedidos_common.ports import Page

PROGRESS = "progress"


class MongoReconciliations:
    """`ports.Reconciliations` on the collection `reconciliations`."""

    def __init__(self, database: Database) -> None:
        self._reports: Collection = database["reconciliations"]

    @guarded
    async def progress(self) -> Progress:
        """See `ports.Reconciliations.progress`."""
        found = await confirmed(self._reports).find_one({"_id": PROGRESS})
        return Progress(**known_fields(Progress, found)) if found else Progress()

    @guarded
    async def save(self, progress: Progress) -> None:
        """See `ports.Reconciliations.save`."""
        await self._reports.update_one({"_id": PROGRESS}, {"$set": asdict(progress)}, upsert=True)

    @guarded
    async def keep(self, report: Report) -> None:
        """See `ports.Reconciliations.keep`."""
        await self._reports.update_one(
            {"_id": report.id},
            {"$set": _document_of(report), "$currentDate": {"finishedAt": True}},
            upsert=True,
        )

    @guarded
    async def get(self, report_id: str) -> Report | None:
        """See `ports.Reconciliations.get`."""
        found = await self._reports.find_one({"_id": report_id, "startedAt": {"$exists": True}})
        return _report_of(found) if found else None

    @guarded
    async def page(self, limit: int, cursor: str | None) -> Page[Report]:
        """See `ports.Reconciliations.page`."""
        query: Document = {"startedAt": {"$exists": True}}
        if cursor:
            query["_id"] = {"$lt": cursor}
        found = self._reports.find(query).sort("_id", -1).limit(limit + 1)
        reports = [_report_of(document) async for document in found]
        more = len(reports) > limit
        return Page(reports[:limit], reports[limit - 1].id if more else None)

    @guarded
    async def standing(self) -> Standing:
        """See `ports.Reconciliations.standing`; two look-ups, each of one entry of an index."""
        newest = await self._reports.find_one(
            {"_id": {"$gte": ID_HEAD}}, {"counts": 1, "left": 1}, sort=[("_id", DESCENDING)]
        )
        ended = await self._reports.find_one(
            {"complete": True}, {"finishedAt": 1}, sort=[("finishedAt", DESCENDING)]
        )
        return Standing(
            completed_at=ended["finishedAt"] if ended else None,
            counts=newest["counts"] if newest else {},
            left=_left_of(newest) if newest else {},
        )


def _document_of(report: Report) -> Document:
    return {
        "startedAt": report.started_at,
        "complete": report.complete,
        "seen": dict(report.seen),
        "counts": dict(report.counts),
        "repairs": dict(report.repairs),
        "left": dict(report.left),
        "found": [
            {
                "kind": str(one.kind),
                "about": one.about,
                "detail": one.detail,
                "repair": str(one.repair),
            }
            for one in report.found
        ],
    }


def _report_of(document: Document) -> Report:
    return Report(
        id=document["_id"],
        started_at=document["startedAt"],
        seen=document["seen"],
        counts=document["counts"],
        repairs=document["repairs"],
        found=tuple(
            Found(Difference(one["kind"]), one["about"], one["detail"], Repair(one["repair"]))
            for one in document["found"]
        ),
        complete=document["complete"],
        finished_at=document["finishedAt"],
        left=_left_of(document),
    )


def _left_of(document: Document) -> Mapping[str, int]:
    """A report of an earlier release has none."""
    left: Mapping[str, int] = document.get("left", {})
    return left
