"""Leases: the heartbeat that extends workers' leases, and the leader's lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from pymongo import MongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from pedidos_common.adapters.mongo.client import CODEC, DURABLE, Database, Document
from pedidos_common.adapters.mongo.errors import guarded
from pedidos_common.ports import BeatReply, ProcessReport, ProcessSeen

LEADER = "engine"


class MongoLeaseKeeper:
    """`ports.LeaseKeeper`: blocking calls, made from the heartbeat's own thread."""

    def __init__(self, client: MongoClient[Document], database: str, lease_seconds: float) -> None:
        found = client.get_database(database, codec_options=CODEC, write_concern=DURABLE)
        self._jobs, self._processes = found["jobs"], found["processes"]
        self._lease = timedelta(seconds=lease_seconds)

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        """See `ports.LeaseKeeper.beat`; raises the driver's errors, the caller's loop goes on."""
        seen = self._processes.find_one_and_update(
            {"_id": process.name},
            {"$set": _fields(process), "$currentDate": {"seenAt": True}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        # the server's time *before* the leases were extended: never later than their end
        until = cast("Document", seen)["seenAt"] + self._lease
        return BeatReply(until, self._extend(lease_ids) if lease_ids else frozenset())

    def _extend(self, lease_ids: Mapping[str, str]) -> frozenset[str]:
        held = {"_id": {"$in": list(lease_ids.values())}, "lease.id": {"$in": list(lease_ids)}}
        done = self._jobs.update_many(held, {"$currentDate": {"lease.renewedAt": True}})
        if done.matched_count == len(lease_ids):
            return frozenset()
        still = {document["lease"]["id"] for document in self._jobs.find(held, {"lease.id": 1})}
        return frozenset(lease_ids) - still

    def farewell(self, name: str) -> None:
        """Remove the process from the live ones."""
        self._processes.delete_one({"_id": name})


def _fields(process: ProcessReport) -> Document:
    return {
        "service": process.service,
        "host": process.host,
        "pid": process.pid,
        "queues": list(process.queues),
        "slots": process.slots,
        "busy": process.busy,
    }


class MongoProcesses:
    """`ports.Processes` on the collection `processes`."""

    def __init__(self, database: Database) -> None:
        self._processes: AsyncCollection[Document] = database["processes"]

    @guarded
    async def live(self, within_seconds: float) -> Sequence[ProcessSeen]:
        """See `ports.Processes.live`."""
        age = {"$subtract": ["$$NOW", "$seenAt"]}
        pipeline: list[dict[str, Any]] = [
            {"$set": {"age": age}},
            {"$match": {"age": {"$lte": within_seconds * 1000}}},
            {"$sort": {"_id": 1}},
            {"$limit": 1000},
        ]
        found = await self._processes.aggregate(pipeline)
        return [_seen(document) async for document in found]


def _seen(document: Document) -> ProcessSeen:
    report = ProcessReport(
        name=document["_id"],
        service=document["service"],
        host=document["host"],
        pid=document["pid"],
        queues=tuple(document["queues"]),
        slots=document["slots"],
        busy=document["busy"],
    )
    return ProcessSeen(report, document["seenAt"], document["age"] / 1000)


def _earlier(holder: str) -> Document:
    """Earlier incarnations of the same process, as they sort before this one."""
    name = holder.rpartition("/")[0] or holder
    return {"holder": {"$gte": f"{name}/", "$lt": holder}}


class MongoLeaderLease:
    """`ports.LeaderLease` on one document, created beforehand.

    An upsert with `$expr` is refused by the server, and two upserts could both insert.
    """

    def __init__(self, database: Database) -> None:
        self._leases: AsyncCollection[Document] = database["leases"]

    async def _ensure(self) -> None:
        try:
            await self._leases.insert_one({"_id": LEADER, "holder": None, "epoch": 0})
        except DuplicateKeyError:
            return

    @guarded
    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """See `ports.LeaderLease.acquire`."""
        mine = await self._leases.find_one_and_update(
            {"_id": LEADER, "holder": holder}, {"$currentDate": {"renewedAt": True}}
        )
        if mine is not None:
            return int(mine["epoch"])
        return await self._take(holder, lease_seconds)

    async def _take(self, holder: str, lease_seconds: float) -> int | None:
        await self._ensure()
        deadline = {"$subtract": ["$$NOW", int(lease_seconds * 1000)]}
        expired = {"$expr": {"$lt": ["$renewedAt", deadline]}}
        taken = await self._leases.find_one_and_update(
            {"_id": LEADER, "$or": [{"holder": None}, expired, _earlier(holder)]},
            {"$set": {"holder": holder}, "$inc": {"epoch": 1}, "$currentDate": {"renewedAt": True}},
            return_document=ReturnDocument.AFTER,
        )
        return int(taken["epoch"]) if taken else None

    @guarded
    async def release(self, holder: str) -> None:
        """See `ports.LeaderLease.release`."""
        await self._leases.update_one({"_id": LEADER, "holder": holder}, {"$set": {"holder": None}})
