"""What one order and one job cost each process, from what the bench measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from bench.results import Result

PER_100K = 100_000.0
CHUNK_ORDERS, BATCH_ORDERS = 10_000, 1_000
# Of MongoDB's processor time per order, what the insert takes (decision 0002: 0.22 of 1.27 s).
INSERT_SHARE = 0.22 / (0.22 + 1.05)
# Those that the bench starts of each.
PROCESSES = {"generator": 2, "worker": 2}
ROLES = ("generator", "worker", "orchestrator", "mongod", "redis")


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds, but for the last two.

    Per order: `generator`, `worker`, `orchestrator`, `insert` and `update` (at MongoDB). Per job
    (a chunk or a batch) of its creation, claim, settlement and ring together: `job_*`.
    `look_mongod` is for each job that an engine's step asks about. `idle_*` is what one process of
    the role uses of a core all the time, for its polls and beats. `journal_seconds` is what a write
    waits for until it is durable.

    The defaults stand in where nothing is measured. `insert` and `update` are decision 0002's; the
    clients' sum is README's (20.4 s less MongoDB's 12.7 s for a million), shared out evenly between
    generator and worker, with a tenth for the orchestrator; those per job are guesses.
    """

    generator: float = 0.35 / PER_100K
    worker: float = 0.35 / PER_100K
    orchestrator: float = 0.07 / PER_100K
    redis: float = 0.0
    insert: float = 0.22 / PER_100K
    update: float = 1.05 / PER_100K
    job_client: float = 1e-3
    job_orchestrator: float = 2e-4
    job_mongod: float = 5e-4
    job_redis: float = 1e-4
    look_mongod: float = 2e-6
    idle_generator: float = 0.0
    idle_worker: float = 0.0
    idle_orchestrator: float = 0.0
    idle_mongod: float = 0.0
    idle_redis: float = 0.0
    journal_seconds: float = 0.002

    @property
    def mongod(self) -> float:
        """MongoDB's seconds for an order, without its jobs."""
        return self.insert + self.update

    def idle(self, processes: Mapping[str, int]) -> dict[str, float]:
        """Cores that each role uses all the time, with so many processes of it."""
        return {role: getattr(self, f"idle_{role}") * processes.get(role, 1) for role in ROLES}


def jobs_of(quantity: int, batch_size: int, chunk_size: int = CHUNK_ORDERS) -> float:
    """Jobs of so many orders, chunks and batches together."""
    return quantity / chunk_size + quantity / batch_size


def costs_of(
    pipeline: Result | None, footprint: Result | None, *, replica_set: bool = False
) -> Costs:
    """Costs from the sections `pipeline` and `footprint`; the defaults for what neither has.

    The two batch sizes of `footprint` give the price of a job, role by role; the price of an order
    is the rest of `pipeline`'s figure, which is of more rounds (or of `footprint`'s own). With
    `replica_set` MongoDB's time is that of a member with an oplog, which `footprint` alone has.
    """
    known = _defaults()
    own = [row for row in footprint.rows if _is_of(row, replica_set)] if footprint else []
    idle = _idle_cores(own)
    known |= {f"idle_{role}": cores / PROCESSES.get(role, 1) for role, cores in idle.items()}
    small = _totals(own, 1, idle)
    large = _totals(own, BATCH_ORDERS, idle)
    rounds = _totals(pipeline.rows if pipeline else (), BATCH_ORDERS, idle)
    if replica_set and "mongod" in large:
        rounds.pop("mongod", None)
    jobs = jobs_of(int(PER_100K), BATCH_ORDERS)
    more_jobs = jobs_of(int(PER_100K), 1) - jobs
    per_job = {
        role: max(0.0, small[role] - large[role]) / more_jobs for role in small if role in large
    }
    known |= _job_fields(per_job)
    for role, total in (large | rounds).items():
        of_jobs = sum(known[name] for name in _JOB_FIELDS[role]) * jobs
        known |= _order_fields(role, max(0.0, total - of_jobs) / PER_100K)
    name = "durable_write_ms_replica_set" if replica_set else "durable_write_ms"
    if footprint and name in footprint.summary:
        known["journal_seconds"] = float(footprint.summary[name]) / 1000
    return Costs(**known)


_JOB_FIELDS: Mapping[str, tuple[str, ...]] = {
    "generator": (),
    "worker": ("job_client",),
    "orchestrator": ("job_orchestrator",),
    "mongod": ("job_mongod",),
    "redis": ("job_redis",),
}


def _defaults() -> dict[str, float]:
    costs = Costs()
    return {field.name: getattr(costs, field.name) for field in fields(Costs)}


def _job_fields(per_job: Mapping[str, float]) -> dict[str, float]:
    return {name: per_job[role] for role in per_job for name in _JOB_FIELDS[role]}


def _order_fields(role: str, seconds: float) -> dict[str, float]:
    if role == "mongod":
        return {"insert": seconds * INSERT_SHARE, "update": seconds * (1 - INSERT_SHARE)}
    return {role: seconds}


def _is_of(row: Mapping[str, Any], replica_set: bool) -> bool:
    return bool(row.get("replica_set", False)) is replica_set


def _idle_cores(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    found = {
        role: [row[name] for row in rows if (name := f"{role}_idle_cores") in row] for role in ROLES
    }
    return {role: median(values) for role, values in found.items() if values}


def _totals(
    rows: Iterable[Mapping[str, Any]], batch_size: int, idle: Mapping[str, float]
) -> dict[str, float]:
    """Seconds per 100,000 orders of each role, without what it uses when it is idle."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if _is_about(row, batch_size):
            waited = (
                float(row.get("seconds", 0.0)) * PER_100K / float(row.get("quantity", PER_100K))
            )
            for role, seconds in roles_of(row).items():
                used = max(0.0, seconds - idle.get(role, 0.0) * waited)
                found.setdefault(role, []).append(used)
    return {role: median(values) for role, values in found.items()}


def _is_about(row: Mapping[str, Any], batch_size: int) -> bool:
    return (
        row.get("kind", "pipeline") in {"pipeline", "run"}
        and int(row.get("orders_batch_size", BATCH_ORDERS)) == batch_size
    )


def roles_of(row: Mapping[str, Any]) -> dict[str, float]:
    """A row's seconds per 100,000 orders by role: `<role>_cpu_seconds_per_100k`."""
    names = {role: f"{role}_cpu_seconds_per_100k" for role in ROLES}
    return {role: float(row[name]) for role, name in names.items() if row.get(name) is not None}
