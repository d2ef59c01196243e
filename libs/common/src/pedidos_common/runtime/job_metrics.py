"""What becomes of the jobs of one process, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pedidos_common.domain.jobs import Job, Outcome, Retry
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import UPGRADES
from pedidos_common.execution.slots import Slots

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
WAIT_SECONDS = (*SECONDS, 900, 3600)
OTHER = "other"
KIND = ("queue", "function")


class JobMetrics:
    """`execution.job_watch.JobWatch`; a kind of job that this release does not know is `other`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._functions = frozenset(UPGRADES)
        self._ended = Counter(
            "pedidos_jobs",
            "Runs of jobs that were settled, by how.",
            [*KIND, "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "pedidos_job_duration_seconds",
            "From a job's claim until it was settled.",
            KIND,
            buckets=SECONDS,
            registry=registry,
        )
        self._wait = Histogram(
            "pedidos_job_queue_wait_seconds",
            "From a job's ring until a process took it.",
            ["queue"],
            buckets=WAIT_SECONDS,
            registry=registry,
        )
        self._until_claimed = Histogram(
            "pedidos_job_first_claim_seconds",
            "From a job's creation, to the second, until it was first claimed.",
            ["queue", "tier"],
            buckets=WAIT_SECONDS,
            registry=registry,
        )
        self._redelivered = Counter(
            "pedidos_job_redeliveries",
            "Claims of jobs that had been claimed before.",
            KIND,
            registry=registry,
        )
        self._lost = Counter(
            "pedidos_job_leases_lost",
            "Jobs whose lease was lost while this process ran them.",
            KIND,
            registry=registry,
        )
        self._taken_back = Counter(
            "pedidos_jobs_taken_back",
            "Jobs of an earlier process in this one's place, given to others at its start.",
            registry=registry,
        )
        self._slots = Gauge(
            "pedidos_worker_slots",
            "Jobs that this process can run at once, by whether it does.",
            ["state"],
            registry=registry,
        )
        self._queue_slots = Gauge(
            "pedidos_worker_queue_slots",
            "Jobs of a queue with slots of its own that this process can run at once, by whether "
            "it does.",
            ["queue", "state"],
            registry=registry,
        )

    def works(self, slots: Slots) -> None:
        """See `JobWatch.works`."""
        if slots.shared:
            _tell(self._slots, (), slots.shared, slots.busy_shared)
        for queue, count in slots.own.items():
            _tell(self._queue_slots, (queue,), count, partial(slots.busy_of, queue))

    def knows(self, functions: Iterable[str]) -> None:
        """These kinds of jobs are called by their names, beside those of runs."""
        self._functions |= frozenset(functions)

    def waited(self, queue: str, seconds: float) -> None:
        """A ring of the queue was taken, so long after it was rung."""
        self._wait.labels(queue).observe(seconds)

    def claimed(self, job: Job) -> None:
        """See `JobWatch.claimed`."""
        if job.deliveries > 1:
            self._redelivered.labels(*self._kind(job)).inc()
        elif job.claimed_at is not None:
            waited = (job.claimed_at - job.created_at).total_seconds()
            tier = "vip" if job.payload.get("priority") == Priority.VIP else "normal"
            self._until_claimed.labels(job.queue, tier).observe(max(0.0, waited))

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """See `JobWatch.ended`."""
        kind = self._kind(job)
        self._ended.labels(*kind, _name(outcome)).inc()
        self._seconds.labels(*kind).observe(seconds)

    def lease_lost(self, job: Job) -> None:
        """See `JobWatch.lease_lost`."""
        self._lost.labels(*self._kind(job)).inc()

    def taken_back(self, count: int) -> None:
        """See `JobWatch.taken_back`."""
        self._taken_back.inc(count)

    def _kind(self, job: Job) -> tuple[str, str]:
        """Queue and function; the ledger may name functions that only other releases know."""
        return job.queue, job.function if job.function in self._functions else OTHER


def _tell(gauge: Gauge, labels: Sequence[str], slots: int, busy: Callable[[], int]) -> None:
    gauge.labels(*labels, "busy").set_function(lambda: min(busy(), slots))
    gauge.labels(*labels, "free").set_function(lambda: max(0, slots - busy()))


def _name(outcome: Outcome) -> str:
    if isinstance(outcome, Retry):
        return "refused" if outcome.refused else "retry"
    return type(outcome).__name__.lower()
