"""The leases that this process holds, shared between the event loop and the heartbeat thread."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pedidos_common.domain.errors import LeaseLost
from pedidos_common.domain.jobs import Job


@dataclass(slots=True)
class HeldLease:
    """One job's lease as this process knows it; the `JobContext` of the job's function.

    `valid_until` is on this machine's monotonic clock, counted from *before* the claim or
    renewal was sent, so it never outlives the server's view. `deadline`, on the same clock, is
    when the lease is extended no more; a job that still waits for its turn has none. `probing`
    says that the job runs alone, to see whether it kills its worker; `settling` that its outcome
    is on its way to the ledger, which alone then tells whose the job is.
    """

    job_id: str
    lease_id: str
    fence: datetime
    valid_until: float
    is_stopping: Callable[[], bool]
    deadline: float = math.inf
    probing: bool = False
    lost: bool = False
    settling: bool = False
    on_lost: Callable[[], None] = field(default=lambda: None)

    @property
    def stopping(self) -> bool:
        """See `registry.JobContext`."""
        return self.is_stopping()

    def held(self, now: float | None = None) -> bool:
        """Whether the lease is certainly still ours."""
        return not self.lost and (time.monotonic() if now is None else now) < self.valid_until

    def ensure_held(self) -> None:
        """See `registry.JobContext`."""
        if not self.held():
            raise LeaseLost(f"the lease of job {self.job_id} ran out")


class HeldLeases:
    """All leases of this process. Every method is safe from any thread."""

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self._held: dict[str, HeldLease] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, job: Job, claimed_at: float, stopping: Callable[[], bool]) -> HeldLease:
        """Hold the lease of a job that was claimed by a call made at `claimed_at` (monotonic)."""
        if job.lease is None:
            raise LeaseLost(f"job {job.id} was not claimed")
        held = HeldLease(
            job_id=job.id,
            lease_id=job.lease.id,
            fence=job.lease.until,
            valid_until=claimed_at + self.lease_seconds,
            is_stopping=stopping,
        )
        with self._lock:
            self._held[held.lease_id] = held
        return held

    def remove(self, held: HeldLease) -> None:
        """Stop extending a lease."""
        with self._lock:
            self._held.pop(held.lease_id, None)

    def to_extend(self, now: float) -> Mapping[str, str]:
        """{lease id: job id} of the jobs that are still inside their deadline."""
        with self._lock:
            return {
                held.lease_id: held.job_id
                for held in self._held.values()
                if not held.lost and now < held.deadline
            }

    def extended(self, lease_ids: Iterable[str], sent_at: float, until: datetime) -> None:
        """Note that a renewal sent at `sent_at` (monotonic) was acknowledged."""
        with self._lock:
            for held in self._present(lease_ids):
                held.valid_until = sent_at + self.lease_seconds
                held.fence = until

    def lose(self, lease_ids: Iterable[str]) -> int:
        """Note that these leases are another worker's by now; how many really are.

        One whose job is being settled is not: a job that has just ended has no lease either.
        """
        with self._lock:
            gone = [held for held in self._present(lease_ids) if not held.settling]
            for held in gone:
                held.lost = True
        for held in gone:
            held.on_lost()
        return len(gone)

    def _present(self, lease_ids: Iterable[str]) -> list[HeldLease]:
        return [self._held[lease] for lease in lease_ids if lease in self._held]
