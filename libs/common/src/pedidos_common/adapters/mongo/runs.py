"""Runs on MongoDB: one active at most (a unique partial index), engine writes fenced by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pymongo import ReturnDocument

from pedidos_common.adapters.mongo.client import CODEC, Collection, Database, Document, confirmed
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.adapters.mongo.run_documents import document_of, run_of
from pedidos_common.adapters.mongo.run_slot import RunSlot, runs_only
from pedidos_common.domain.errors import InvalidTransition
from pedidos_common.domain.runs import (
    ACTIVE,
    RESUMABLE,
    AbortRequest,
    Phase,
    Run,
    RunTrigger,
    advance,
)
from pedidos_common.ports import Expired, Page


def _enter(phase: Phase, fields: Mapping[str, Any]) -> list[Document]:
    """The pipeline that enters a phase; texts from outside are literals, never evaluated."""
    note = {"phase": {"$literal": phase}, "at": "$$NOW"}
    literal = {name: {"$literal": value} for name, value in fields.items()}
    return [
        {
            "$set": {
                **literal,
                "phase": {"$literal": phase},
                "active": {"$literal": phase in ACTIVE},
                "phases": {"$concatArrays": ["$phases", [note]]},
                "updatedAt": "$$NOW",
            }
        }
    ]


class MongoRunStore:
    """`ports.RunStore` on the collection `process_runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._runs: Collection = database["process_runs"]
        self._slot = RunSlot(self._runs)

    @guarded
    async def now(self) -> datetime:
        """See `ports.RunStore.now`."""
        hello = await self._database.command("hello", codec_options=CODEC)
        return cast("datetime", hello["localTime"])

    @guarded
    async def start(self, run: Run) -> Run:
        """See `ports.RunStore.start`."""
        return run_of(cast("Document", await self._slot.enter(lambda: self._insert(run))))

    async def _insert(self, run: Run) -> Document | None:
        first = {name: {"$literal": value} for name, value in document_of(run).items()}
        return await self._runs.find_one_and_update(
            {"_id": run.scope},
            [
                {"$set": {**first, "createdAt": "$$NOW", "activatedAt": "$$NOW"}},
                *_enter(advance(run.phase, RunTrigger.START), {}),
            ],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )

    @guarded
    async def get(self, run_id: UUID) -> Run | None:
        """See `ports.RunStore.get`."""
        found = await self._runs.find_one({"_id": str(run_id)})
        return run_of(found) if found else None

    @guarded
    async def active(self) -> Run | None:
        """See `ports.RunStore.active`."""
        found = await confirmed(self._runs).find_one(runs_only({"active": True}))
        return run_of(found) if found else None

    @guarded
    async def current(self) -> Run | None:
        """See `ports.RunStore.current`."""
        newest = [("activatedAt", -1), ("_id", -1)]
        found = await self._runs.find_one(runs_only({"hidden": {"$ne": True}}), sort=newest)
        return run_of(found) if found else None

    @guarded
    async def page(self, limit: int, cursor: str | None) -> Page[Run]:
        """See `ports.RunStore.page`."""
        query: Document = {"_id": {"$lt": cursor}} if cursor else {}
        found = self._runs.find(runs_only(query)).sort("_id", -1).limit(limit + 1)
        runs = [run_of(document) async for document in found]
        return Page(runs[:limit], runs[limit - 1].scope if len(runs) > limit else None)

    @guarded
    async def importing(self, import_id: str) -> Run | None:
        """See `ports.RunStore.importing`."""
        found = await self._runs.find_one({"plan.importId": import_id})
        return run_of(found) if found else None

    @guarded
    async def move(
        self, run: Run, to: Phase, epoch: int, fields: Mapping[str, Any] | None = None
    ) -> Run | None:
        """See `ports.RunStore.move`."""
        moved = await self._runs.find_one_and_update(
            {"_id": run.scope, "phase": run.phase, "epoch": {"$lte": epoch}},
            _enter(to, {"epoch": epoch, **(fields or {})}),
            return_document=ReturnDocument.AFTER,
        )
        return run_of(moved) if moved else None

    @guarded
    async def project(self, run_id: UUID, live: Mapping[str, Any], epoch: int) -> datetime | None:
        """See `ports.RunStore.project`."""
        written = await self._runs.find_one_and_update(
            {"_id": str(run_id), "epoch": {"$lte": epoch}},
            {
                "$set": {"live": dict(live), "epoch": epoch},
                "$currentDate": {"updatedAt": True},
            },
            projection={"updatedAt": 1},
            return_document=ReturnDocument.AFTER,
        )
        return written["updatedAt"] if written else None

    @guarded
    async def annotate(self, run_id: UUID, fields: Mapping[str, Any]) -> None:
        """See `ports.RunStore.annotate`."""
        await self._runs.update_one({"_id": str(run_id)}, {"$set": dict(fields)})

    @guarded
    async def mark_expired(self, what: Expired, before: UUID) -> None:
        """See `ports.RunStore.mark_expired`."""
        await self._runs.update_many(
            {"_id": {"$lt": str(before)}, "active": {"$ne": True}, what: None},
            {"$currentDate": {what: True}},
        )

    @guarded
    async def request_abort(self, run_id: UUID, abort: AbortRequest) -> bool:
        """See `ports.RunStore.request_abort`."""
        done = await self._runs.update_one(
            {"_id": str(run_id), "active": True}, {"$set": {"abort": asdict(abort)}}
        )
        return done.matched_count == 1

    @guarded
    async def resume(self, run_id: UUID) -> Run:
        """See `ports.RunStore.resume`."""
        resumed = await self._slot.enter(lambda: self._reactivate(run_id))
        if resumed is None:
            found = await self._runs.find_one({"_id": str(run_id)}, {"phase": 1})
            state = found["phase"] if found else "unknown"
            raise InvalidTransition(state, RunTrigger.RESUME)
        return run_of(resumed)

    async def _reactivate(self, run_id: UUID) -> Document | None:
        fields: Document = {"abort": None, "error": None, "cancelled": None, "receipt": None}
        pipeline = _enter(advance(Phase.ABORTED, RunTrigger.RESUME), fields)
        pipeline.append({"$set": {"resumes": {"$add": ["$resumes", 1]}, "activatedAt": "$$NOW"}})
        return await self._runs.find_one_and_update(
            {
                "_id": str(run_id),
                "phase": {"$in": sorted(RESUMABLE)},
                "hidden": {"$ne": True},
                # orders that a cancel or retention deleted can't be processed any more
                "cancelled.deletedPending": {"$not": {"$gt": 0}},
                "ordersExpired": None,
            },
            pipeline,
            return_document=ReturnDocument.AFTER,
        )

    @guarded
    async def is_open(self, scope: str) -> bool:
        """See `ports.RunStore.is_open`."""
        query = runs_only({"_id": scope, "active": True, "abort": None})
        return await self._runs.find_one(query, {"_id": 1}) is not None

    @guarded
    async def forget(self, history: bool) -> None:
        """See `ports.RunStore.forget`."""
        over = runs_only({"active": {"$ne": True}})
        if history:
            await self._runs.delete_many(over)
        else:
            await self._runs.update_many(over, {"$set": {"hidden": True}})

    @guarded
    async def hold_for_reset(self, owner: str, seconds: float) -> None:
        """See `ports.RunStore.hold_for_reset`."""
        await self._slot.hold(owner, seconds)

    @guarded
    async def renew_reset(self, owner: str, seconds: float) -> bool:
        """See `ports.RunStore.renew_reset`."""
        return await self._slot.renew(owner, seconds)

    @guarded
    async def release_reset(self, owner: str) -> None:
        """See `ports.RunStore.release_reset`."""
        await self._slot.release(owner)
