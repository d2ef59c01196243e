"""What one order and one job cost each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PER_100K = 100_000.0
CHUNK_ORDERS, BATCH_ORDERS = 10_000, 1_000
ROLES = ("generator", "worker", "orchestrator", "mongod", "redis")


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds, but for the last two.

    Per order: `generator`, `worker`, `redis`, `insert` and `update` (at MongoDB). Per job
    (a chunk or a batch) of its creation, claim, settlement and ring together: `job_*`.
    `look_mongod` is for each job that an engine's step asks about. `idle_*` is what one process of
    the role uses of a core all the time, for its polls and beats. `journal_seconds` is what a write
    waits for until it is durable.

    The defaults stand in where nothing is measured. `insert` and `update` are decision 0002's; the
    clients' sum is README's (20.4 s less MongoDB's 12.7 s for a million), shared out evenly between
    generator and worker, with a tenth for the orchestrator; those per job are guesses.

    The orchestrator has no price of an order: it never sees one. What it does for the run as time
    goes by (steps, figures, replies) is in `idle_orchestrator`.
    """

    generator: float = 0.35 / PER_100K
    worker: float = 0.35 / PER_100K
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
    idle_orchestrator: float = 0.07
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


def roles_of(row: Mapping[str, Any]) -> dict[str, float]:
    """A row's seconds per 100,000 orders by role: `<role>_cpu_seconds_per_100k`."""
    names = {role: f"{role}_cpu_seconds_per_100k" for role in ROLES}
    return {role: float(row[name]) for role, name in names.items() if row.get(name) is not None}
