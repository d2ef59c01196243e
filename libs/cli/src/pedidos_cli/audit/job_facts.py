"""The jobs of one run as the ledger keeps them, summed by the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import Timestamp
from pymongo.database import Database

OPEN = frozenset({"queued", "running", "retrying"})
KINDS = ("chunk", "vip", "normal")

Documents = Database[dict[str, Any]]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobGroup:
    """The jobs of one kind (`chunk`, `vip`, `normal`) in one status.

    `vip`, `normal`, `duplicates` sum the results of chunks (`duplicates` of the rows laid out
    were known before and are no orders), `processed`, `failed` those of
    batches. `first_created` and `last_settled` are the server's sequence, `first_claimed` is by
    its clock.
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
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobFacts:
    """All groups of a run; `ranges` are the orders (first, last) of its undivided batches."""

    groups: tuple[JobGroup, ...]
    ranges: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

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
    def handlers(self) -> frozenset[str]:
        """Every order handler that took part."""
        return frozenset(name for group in self.groups for name in group.handlers)


def read_jobs(database: Documents, run_id: str) -> JobFacts:
    """Sum up the jobs of a run: those whose id begins with it, so no redrive."""
    of_run = {"$match": {"_id": {"$gte": f"{run_id}:", "$lt": f"{run_id};"}}}
    found = database.jobs.aggregate([of_run, {"$group": _group()}])
    return JobFacts(tuple(map(_job_group, found)), _ranges(database, run_id))


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


def _ranges(database: Documents, run_id: str) -> dict[str, list[tuple[int, int]]]:
    ranges: dict[str, list[tuple[int, int]]] = {}
    for kind in ("vip", "normal"):
        wanted = {"_id": {"$gte": f"{run_id}:{kind}:", "$lt": f"{run_id}:{kind};"}}
        fields = {"payload.first": 1, "payload.last": 1}
        found = database.jobs.find(wanted, fields, batch_size=20_000)
        # a part of a split batch is inside the range of its parent
        ranges[kind] = [
            (job["payload"]["first"], job["payload"]["last"])
            for job in found
            if "/" not in job["_id"]
        ]
    return ranges


def _job_group(document: Mapping[str, Any]) -> JobGroup:
    figures = {name: document[name] for name in document if name not in {"_id", "handlers"}}
    handlers = tuple(name for name in document["handlers"] if name)
    return JobGroup(**document["_id"], handlers=handlers, **figures)


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
        "handlers": {"$addToSet": "$result.handler"},
    }
