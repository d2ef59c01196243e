"""Costs of one order and one job, from what the bench measured of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.capacity.simulation.costs import BATCH_ORDERS, PER_100K, ROLES, Costs, jobs_of, roles_of
from bench.results import Result

# Of MongoDB's processor time per order, what the insert takes (decision 0002: 0.22 of 1.27 s).
INSERT_SHARE = 0.22 / (0.22 + 1.05)
# Processes of each role in the runs that costs are taken from.
PROCESSES = {"generator": 2, "worker": 2}
MONGOD = "mongod"
UPDATE_STAGES = frozenset({"vip", "normal"})
ORDER_FIELDS = {"generator": "generator", "worker": "worker", "redis": "redis", "mongod": MONGOD}
JOB_FIELDS: Mapping[str, str] = {
    "worker": "job_client",
    "orchestrator": "job_orchestrator",
    "mongod": "job_mongod",
    "redis": "job_redis",
}


@dataclass(frozen=True, slots=True)
class Point:
    """Medians over runs of one batch size: for 100,000 orders, in seconds.

    `used` is each role's processor time, `waited` how long it took; `jobs` is their number.
    """

    jobs: float
    waited: float
    used: Mapping[str, float]

    def without(self, idle: Mapping[str, float]) -> dict[str, float]:
        """What was used, less what each role uses all the time."""
        return {
            role: max(0.0, seconds - idle.get(role, 0.0) * self.waited)
            for role, seconds in self.used.items()
        }


def costs_of(
    pipeline: Result | None, footprint: Result | None, *, replica_set: bool = False
) -> Costs:
    """Costs from the sections `pipeline` and `footprint`; the defaults for what neither has.

    The two batch sizes of `footprint` give the price of a job, role by role; the price of an order
    is the rest of `pipeline`'s figure, which is of more rounds (or of `footprint`'s own). With
    `replica_set` MongoDB's time is that of a member with an oplog, of whichever section has that.
    What it needs for an insert beside an update is as in `pipeline`'s bare loop.
    """
    own = [row for row in footprint.rows if _is_of(row, replica_set)] if footprint else []
    small, large = _point(own, 1), _point(own, BATCH_ORDERS)
    rounds = _rounds(pipeline, replica_set) if pipeline else Point(0.0, 0.0, {})
    idle = _idle_cores(own)
    known: dict[str, float] = asdict(Costs())
    known |= {f"idle_{role}": cores / PROCESSES.get(role, 1) for role, cores in idle.items()}
    known |= _per_job(small.without(idle), large.without(idle))
    known |= _per_order(large.without(idle) | rounds.without(idle), known)
    mongod = known.pop(MONGOD, Costs().mongod)
    share = _insert_share(pipeline) if pipeline else INSERT_SHARE
    known |= {"insert": mongod * share, "update": mongod * (1 - share)}
    known |= _orchestrators(small, large, rounds)
    name = "durable_write_ms_replica_set" if replica_set else "durable_write_ms"
    if footprint and name in footprint.summary:
        known["journal_seconds"] = float(footprint.summary[name]) / 1000
    return Costs(**known)


def _per_job(small: Mapping[str, float], large: Mapping[str, float]) -> dict[str, float]:
    more_jobs = jobs_of(int(PER_100K), 1) - jobs_of(int(PER_100K), BATCH_ORDERS)
    return {
        JOB_FIELDS[role]: max(0.0, small[role] - large[role]) / more_jobs
        for role in small
        if role in large and role in JOB_FIELDS
    }


def _per_order(used: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    jobs = jobs_of(int(PER_100K), BATCH_ORDERS)
    return {
        ORDER_FIELDS[role]: max(0.0, used[role] - known.get(JOB_FIELDS.get(role, ""), 0.0) * jobs)
        / PER_100K
        for role in used.keys() & ORDER_FIELDS.keys()
    }


def _rounds(pipeline: Result, replica_set: bool) -> Point:
    """The medians of the rounds of `make bench`, without MongoDB's on another kind of server."""
    told, quantity = pipeline.summary, float(pipeline.settings["quantity"])
    names = {role: f"{role}_cpu_seconds_per_100k" for role in ROLES}
    used = {role: float(told[name]["median"]) for role, name in names.items() if name in told}
    if bool(pipeline.settings.get("replica_set", False)) is not replica_set:
        used.pop(MONGOD, None)
    seconds = float(told["pipeline_seconds"]["median"])
    return Point(jobs_of(int(PER_100K), BATCH_ORDERS), seconds * PER_100K / quantity, used)


def _insert_share(pipeline: Result) -> float:
    """Of MongoDB's time for the bare loop, what its first stage takes; it updates in the others."""
    rows = [
        row
        for row in pipeline.rows
        if (row.get("kind"), row.get("loop"), row.get("process")) == ("cpu", "bare loop", MONGOD)
    ]
    of = {True: 0.0, False: 0.0}
    for row in rows:
        of[row["stage"] in UPDATE_STAGES] += float(row["cpu_seconds_per_100k"])
    return of[False] / (of[True] + of[False]) if of[True] and of[False] else INSERT_SHARE


def _orchestrators(small: Point, large: Point, rounds: Point) -> dict[str, float]:
    """Two runs tell its price of a job from that of a second; rounds tell a second's better."""
    role, found = "orchestrator", dict[str, float]()
    if role in small.used and role in large.used:
        of_jobs = small.jobs * large.waited - large.jobs * small.waited
        price = small.used[role] * large.waited - large.used[role] * small.waited
        found["job_orchestrator"] = max(0.0, price / of_jobs) if of_jobs else 0.0
    seen = rounds if role in rounds.used and rounds.waited else large
    if role in seen.used and seen.waited:
        of_jobs = found.get("job_orchestrator", Costs().job_orchestrator) * seen.jobs
        found["idle_orchestrator"] = max(0.0, seen.used[role] - of_jobs) / seen.waited
    return found


def _is_of(row: Mapping[str, Any], replica_set: bool) -> bool:
    return bool(row.get("replica_set", False)) is replica_set


def _idle_cores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    seen: dict[str, list[float]] = {}
    for row in rows:
        for role in ROLES:
            if (name := f"{role}_idle_cores") in row:
                seen.setdefault(role, []).append(float(row[name]))
    return {role: median(values) for role, values in seen.items()}


def _point(rows: Iterable[Mapping[str, Any]], batch_size: int) -> Point:
    about = [row for row in rows if int(row["orders_batch_size"]) == batch_size]
    waited = [
        float(row["seconds"]) * PER_100K / float(row["quantity"])
        for row in about
        if row.get("seconds") and row.get("quantity")
    ]
    seen: dict[str, list[float]] = {}
    for row in about:
        for role, seconds in roles_of(row).items():
            seen.setdefault(role, []).append(seconds)
    used = {role: median(values) for role, values in seen.items()}
    return Point(jobs_of(int(PER_100K), batch_size), median(waited) if waited else 0.0, used)
