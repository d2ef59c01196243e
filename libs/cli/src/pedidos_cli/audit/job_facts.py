"""The jobs of one run as the ledger keeps them, summed by the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import Timestamp
from pymongo.database import Database

OPEN = frozenset({"queued", "running", "retrying"})
SETTLED = frozenset({"succeeded", "failed"})
KIND_OF = {"VIP": "vip", "NORMAL": "normal"}

Documents = Database[dict[str, Any]]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobGroup:
    """The jobs of one kind (`chunk`, `vip`, `normal`) in one status.

    `vip`, `normal`, `duplicates` sum the results of chunks (`duplicates` of the rows laid out
    were known before and are no orders), `processed`, `failed` those of
    batches. `first_created` and `last_settled` are the server's sequence, `first_claimed` and
    `settled_at` (the latest) are by its clock; `uncreated`, `unclaimed` and `unsettled` count jobs
    that have no such time.
    """

    kind: str
    status: str
    jobs: int
    vip: int
    normal: int
    duplicates: int
    processed: int
    failed: int
    first_created: Timestamp | None
    last_settled: Timestamp | None
    first_claimed: datetime | None
    settled_at: datetime | None
    uncreated: int
    unclaimed: int
    unsettled: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A job about the orders `first` to `last`; `split`: its parts are about them now."""

    kind: str
    first: int
    last: int
    status: str
    split: bool
    handler: str | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class JobFacts:
    """All groups of a run, and its batches one by one: whole, split, and parts of split ones."""

    groups: tuple[JobGroup, ...]
    batches: tuple[Batch, ...] = ()

    def of(self, *kinds: str) -> list[JobGroup]:
        """The groups of these kinds."""
        return [group for group in self.groups if group.kind in kinds]

    @property
    def open(self) -> int:
        """How many jobs are not final."""
        return sum(group.jobs for group in self.groups if group.status in OPEN)

    @property
    def written(self) -> int:
        """How many orders the settled chunks wrote."""
        return sum(group.vip + group.normal for group in self.of("chunk")) - self.duplicates

    @property
    def duplicates(self) -> int:
        """How many imported rows were known already when their chunk was written."""
        return sum(group.duplicates for group in self.of("chunk"))

    @property
    def undivided(self) -> list[Batch]:
        """The batches that were not split, and parts of those that were."""
        return [batch for batch in self.batches if not batch.split]


def read_jobs(database: Documents, run_id: str) -> JobFacts:
    """Sum up the jobs of a run: those whose id begins with it, so no redrive."""
    of_run = {"$match": {"_id": {"$gte": f"{run_id}:", "$lt": f"{run_id};"}}}
    found = database.jobs.aggregate([of_run, {"$group": _group()}])
    groups = tuple(JobGroup(**one.pop("_id"), **one) for one in found)
    return JobFacts(groups, tuple(_batches(database, run_id)))


def read_redrives(database: Documents, first: UUID, last: UUID, since: datetime) -> int:
    """How many orders, ids from `first` to `last`, a redrive had in its hands after `since`.

    `since` is by the server's clock. What was open at any time after it is open or settled later.
    """
    found = database.jobs.aggregate(
        [
            {"$match": {"_id": {"$gte": "redrive:", "$lt": "redrive;"}}},
            {"$match": {"$or": [{"status": {"$in": [*OPEN]}}, {"settledAt": {"$gte": since}}]}},
            {"$unwind": "$payload.orderIds"},
            {"$match": {"payload.orderIds": {"$gte": str(first), "$lte": str(last)}}},
            {"$count": "orders"},
        ]
    )
    return sum(int(document["orders"]) for document in found)


def _batches(database: Documents, run_id: str) -> Iterator[Batch]:
    names = ("payload.first", "payload.last", "status", "result", "deliveries")
    for kind in ("vip", "normal"):
        wanted = {"_id": {"$gte": f"{run_id}:{kind}:", "$lt": f"{run_id}:{kind};"}}
        for job in database.jobs.find(wanted, dict.fromkeys(names, 1), batch_size=20_000):
            payload, result = job.get("payload") or {}, job.get("result") or {}
            yield Batch(
                kind=kind,
                first=int(payload.get("first", 0)),
                last=int(payload.get("last", 0)),
                status=str(job.get("status")),
                split=bool(result.get("split")),
                handler=result.get("handler"),
                deliveries=int(job.get("deliveries") or 0),
            )


def _group() -> Expression:
    kind = {"$arrayElemAt": [{"$split": ["$_id", ":"]}, 1]}
    sums = ("vip", "normal", "duplicates", "processed", "failed")
    return {
        "_id": {"kind": kind, "status": "$status"},
        "jobs": {"$sum": 1},
        **{name: {"$sum": {"$ifNull": [f"$result.{name}", 0]}} for name in sums},
        "first_created": {"$min": "$createdSeq"},
        "last_settled": {"$max": "$settledSeq"},
        "first_claimed": {"$min": "$firstClaimedAt"},
        "settled_at": {"$max": "$settledAt"},
        "uncreated": _without("createdSeq", "timestamp"),
        "unclaimed": _without("firstClaimedAt", "date"),
        "unsettled": _without("settledSeq", "timestamp"),
    }


def _without(time: str, type_: str) -> Expression:
    return {"$sum": {"$cond": [{"$eq": [{"$type": f"${time}"}, type_]}, 0, 1]}}
