"""What became of the checkouts that were accepted, read from the database."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.database import Database

Documents = Database[dict[str, Any]]
OF_CHECKOUTS = {"$gte": "co_", "$lt": "co`"}
OPEN = ("queued", "running", "retrying")
FORWARD = ("payment", "stock", "order", "capture")
POLL_SECONDS = 0.5


def still_open(database: Documents) -> int:
    """How many jobs of checkouts are not final, and checkouts that have none yet."""
    jobs = database.jobs.count_documents({"_id": OF_CHECKOUTS, "status": {"$in": OPEN}})
    due = database.jobs.count_documents({"_id": OF_CHECKOUTS, "followUpsDue": True})
    return int(jobs + due + database.checkouts.count_documents({"begun": False}))


def await_rest(database: Documents, seconds: float) -> float:
    """Wait until nothing of a checkout is open; the seconds that it took.

    Raises:
        TimeoutError: when something still is.
    """
    start = time.monotonic()
    quiet = 0
    while quiet < 2:  # a follow-up may come between two looks
        left = still_open(database)
        quiet = quiet + 1 if not left else 0
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"{left} jobs of checkouts are open after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - start


@dataclass(frozen=True, slots=True)
class Waited:
    """One checkout: its class, the seconds that its steps waited, and those from accept to end.

    A step waits from the end of the one before it (the first one from the accept) to its first
    claim; `waits` has each by the step's name. `seconds` is None where it did not come about, and
    `ended_at` (Unix seconds) is 0 then.
    """

    id: str
    is_vip: bool
    waits: Mapping[str, float]
    seconds: float | None
    ended_at: float = 0.0

    @property
    def wait(self) -> float:
        """All steps' waits together."""
        return sum(self.waits.values())


def waits_of(database: Documents, prefix: str) -> Iterator[Waited]:
    """How long the checkouts waited whose idempotency keys begin with `prefix`."""
    for checkout in database.checkouts.find({"key": {"$regex": f"^{prefix}-"}}):
        scope = checkout["_id"]
        jobs = {
            job["_id"].partition(":")[2]: job
            for job in database.jobs.find({"_id": {"$gte": f"{scope}:", "$lt": f"{scope};"}})
        }
        yield _waited(checkout, jobs)


def _waited(checkout: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]]) -> Waited:
    since: datetime = checkout["createdAt"]
    waits: dict[str, float] = {}
    for step in FORWARD:
        job = jobs.get(step)
        if job is None or job.get("firstClaimedAt") is None:
            break
        waits[step] = max(0.0, (job["firstClaimedAt"] - since).total_seconds())
        if job.get("settledAt") is None:
            break
        since = job["settledAt"]
    captured = jobs.get("capture") or jobs.get("order") or {}
    ended = captured.get("settledAt")
    return Waited(
        id=checkout["_id"],
        is_vip=checkout["customer"]["tier"] == "DIAMANTE",
        waits=waits,
        seconds=(ended - checkout["createdAt"]).total_seconds() if ended else None,
        ended_at=ended.timestamp() if ended else 0.0,
    )


def completed_a_second(waited: Sequence[Waited], ends: Callable[[Waited], float]) -> float:
    """How many came about a second, in the middle four fifths of the time in which they did."""
    times = sorted(ends(one) for one in waited if one.seconds is not None)
    if len(times) < 20:
        return 0.0
    first, last = len(times) // 10, len(times) - len(times) // 10 - 1
    return (last - first) / max(times[last] - times[first], 0.001)


def usual_pace(waited: Sequence[Waited]) -> float:
    """How many came about in the same second as a checkout, at the median of all checkouts.

    Seconds in which nothing came about, as where a provider was paused, don't count.
    """
    ended = Counter(int(one.ended_at) for one in waited if one.seconds is not None)
    paces = sorted(count for count in ended.values() for _ in range(count))
    return float(paces[len(paces) // 2]) if paces else 0.0


def seconds_held(database: Documents, prefix: str) -> Mapping[str, float]:
    """By queue: how long jobs' slots were in use, all deliveries' last ones together."""
    ids = [one["_id"] for one in database.checkouts.find({"key": {"$regex": f"^{prefix}-"}})]
    held: dict[str, float] = defaultdict(float)
    for scope in ids:
        for job in database.jobs.find({"_id": {"$gte": f"{scope}:", "$lt": f"{scope};"}}):
            if job.get("claimedAt") and job.get("settledAt"):
                held[job["queue"]] += (job["settledAt"] - job["claimedAt"]).total_seconds()
    return held
