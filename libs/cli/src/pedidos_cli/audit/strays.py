"""Orders that are of no run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pymongo.database import Database

from pedidos_cli.audit.order_facts import MAX_NAMED, SEQUENCES

MAX_RUNS = 100_000

Documents = Database[dict[str, Any]]


def read_strays(database: Documents) -> tuple[str, ...]:
    """Orders that are of no run: ids of runs that no run has, and ids that are none of ours.

    One index seek per run.
    """
    known = {str(run["_id"]) for run in database.process_runs.find({}, {"_id": 1})}
    strays = _foreign_ids(database)
    after: Mapping[str, Any] = {"_id": {"$gte": UUID(int=0)}}
    for _ in range(MAX_RUNS):
        order = database.orders.find_one(after, {"_id": 1}, sort=[("_id", 1)])
        if order is None or not isinstance(order["_id"], UUID) or len(strays) >= MAX_NAMED:
            break
        run = UUID(int=order["_id"].int & ~(SEQUENCES - 1))
        if str(run) not in known:
            strays.append(str(run))
        after = {"_id": {"$gt": UUID(int=run.int | (SEQUENCES - 1))}}
    return tuple(strays)


def _foreign_ids(database: Documents) -> list[str]:
    # Ids of one type stand together, so any that is no UUID is before or behind all of them.
    ends = (database.orders.find_one({}, {"_id": 1}, sort=[("_id", way)]) for way in (1, -1))
    ids = [end["_id"] for end in ends if end is not None]
    return sorted({f"order {one!r:.60}" for one in ids if not isinstance(one, UUID)})
