"""From what the leader saw of queues, the run, dead letters and money to metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from pedidos_checkout.domain.reconciliation import Standing
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import QUEUES
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.ports import QueueDepth
from pedidos_orchestrator.engine.reconciliation_seen import of_reconciliation
from pedidos_orchestrator.projections import status_of

LOOKED_AT_MOST = 50_000
OTHER = "other"
STATE_OF = {
    JobStatus.QUEUED: "waiting",
    JobStatus.RUNNING: "active",
    JobStatus.RETRYING: "delayed",
    JobStatus.FAILED: "failed",
}
QUEUE_STATES = ("running", "paused", "closed")
LANES = {"VIP": "vip", "NORMAL": "normal"}
LabelValues = tuple[str, ...]
Values = Mapping[LabelValues, float]
Row = tuple[str, str, Sequence[str], Values]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look saw, in the epoch in which it was made.

    `standing` is None where there is no payment provider to compare with.
    """

    epoch: int
    run: Run | None
    depths: Sequence[QueueDepth]
    dead_orders: int
    queue_state: str
    standing: Standing | None = None
    reconcile_every_seconds: float = 0.0


def families(seen: Seen, *, with_values: bool) -> Iterator[Metric]:
    """Each metric, with what was seen or, for its description, without values."""
    rows = (
        *_of_queues(seen),
        *_of_run(seen.run, seen.queue_state),
        *of_reconciliation(seen.standing, seen.reconcile_every_seconds),
    )
    for name, text, labels, values in rows:
        family = GaugeMetricFamily(name, text, labels=labels)
        for label_values, value in values.items() if with_values else ():
            family.add_metric(label_values, value)
        yield family


def _of_queues(seen: Seen) -> Iterator[Row]:
    jobs, waiting = _jobs(seen.depths), _waiting(seen.depths)
    yield (
        "pedidos_queue_jobs",
        f"Jobs in each queue, by state; of one state at most {LOOKED_AT_MOST} are counted.",
        ("queue", "state"),
        jobs,
    )
    yield (
        "pedidos_queue_oldest_waiting_age_seconds",
        "For how long the job has waited that waits longest; 0 where none does.",
        ("queue",),
        waiting,
    )
    yield (
        "pedidos_queue_state",
        "1 for the state that the queues are in, 0 for the others.",
        ("state",),
        {(state,): float(state == seen.queue_state) for state in QUEUE_STATES},
    )
    failed = sum(value for (_, state), value in jobs.items() if state == STATE_OF[JobStatus.FAILED])
    yield (
        "pedidos_dead_letters",
        f"Orders and jobs that failed for good; at most {LOOKED_AT_MOST} are counted.",
        ("kind",),
        {("order",): seen.dead_orders, ("job",): failed},
    )


def _jobs(depths: Sequence[QueueDepth]) -> Values:
    found: dict[LabelValues, float] = {
        (queue, state): 0.0 for queue in QUEUES for state in STATE_OF.values()
    }
    for depth in depths:
        for status, count in depth.counts.items():
            key = (_label(depth.queue), STATE_OF[status])
            found[key] = found.get(key, 0.0) + count
    return found


def _waiting(depths: Sequence[QueueDepth]) -> Values:
    found: dict[LabelValues, float] = {(queue,): 0.0 for queue in QUEUES}
    for depth in depths:
        key = (_label(depth.queue),)
        found[key] = max(found.get(key, 0.0), depth.waiting_seconds)
    return found


def _label(queue: str) -> str:
    """The ledger may name queues that only other releases know."""
    return queue if queue in QUEUES else OTHER


def _of_run(run: Run | None, queue_state: str) -> Iterator[Row]:
    status = status_of(run, queue_state)
    yield (
        "pedidos_run_phase",
        "1 for the phase of the newest run (IDLE without one), 0 for the others.",
        ("phase",),
        {(phase.value,): float(phase.value == status["phase"]) for phase in Phase},
    )
    yield from _progress(status)
    yield (
        "pedidos_run_final_orders",
        "Orders of the newest run that are processed or have failed, by the engine's count.",
        ("priority", "outcome"),
        dict(_final(status["processing"])),
    )
    stalled = float(run.live.get("stalledMs") or 0) / 1000 if run and run.active else 0.0
    yield (
        "pedidos_run_stalled_seconds",
        "For how long nothing of the active run has moved; 0 without one, or while paused.",
        (),
        {(): stalled},
    )


def _progress(status: Mapping[str, Any]) -> Iterator[Row]:
    eta, progress = status["eta"], status["progress"]
    yield (
        "pedidos_run_progress_ratio",
        "How much of the newest run is done, from 0 to 1; absent until it is known.",
        (),
        _known(eta["progressPercent"], 100),
    )
    yield (
        "pedidos_run_estimated_remaining_seconds",
        "How long the active run will still take; absent while that is unknown.",
        (),
        _known(eta["estimatedMs"], 1000),
    )
    yield (
        "pedidos_run_target_orders",
        "Orders that the newest run is to have.",
        (),
        {(): progress["target"]},
    )
    yield (
        "pedidos_run_generated_orders",
        "Orders of the newest run that are written.",
        (),
        {(): progress["generated"]},
    )


def _known(value: float | None, parts: int) -> Values:
    return {} if value is None else {(): value / parts}


def _final(windows: Mapping[str, Any]) -> Iterator[tuple[LabelValues, float]]:
    for priority, lane in LANES.items():
        yield (priority, "processed"), windows[lane]["count"]
        yield (priority, "failed"), windows[lane]["failed"]
