"""What becomes of jobs, as counters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from pedidos_common.domain.jobs import (
    Band,
    Cancelled,
    Failed,
    Job,
    JobStatus,
    Outcome,
    Released,
    Retry,
    Succeeded,
)
from pedidos_common.execution.slots import Slots
from pedidos_common.runtime.job_metrics import JobMetrics
from pedidos_common.runtime.server_metrics import ServerMetrics

KNOWN = {"queue": "orders", "function": "orders.process_batch"}


def job(function: str = "orders.process_batch", deliveries: int = 1) -> Job:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    status = JobStatus.RUNNING
    return Job("j", function, "orders", Band.HIGH, {}, status, created, deliveries=deliveries)


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Succeeded(), "succeeded"),
        (Retry("later", 1.0), "retry"),
        (Retry("not mine", 1.0, refused=True), "refused"),
        (Failed("never"), "failed"),
        (Released(), "released"),
        (Cancelled(), "cancelled"),
    ],
)
def test_each_settled_run_is_counted_by_its_outcome(outcome: Outcome, name: str) -> None:
    registry = CollectorRegistry()
    JobMetrics(registry).ended(job(), outcome, 0.2)
    assert registry.get_sample_value("pedidos_jobs_total", {**KNOWN, "outcome": name}) == 1
    assert registry.get_sample_value("pedidos_job_duration_seconds_sum", KNOWN) == 0.2


def test_only_a_later_claim_is_a_redelivery() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    metrics.claimed(job())
    assert registry.get_sample_value("pedidos_job_redeliveries_total", KNOWN) is None
    metrics.claimed(job(deliveries=2))
    assert registry.get_sample_value("pedidos_job_redeliveries_total", KNOWN) == 1


@pytest.mark.parametrize(
    ("payload", "tier"),
    [({}, "normal"), ({"priority": "NORMAL"}, "normal"), ({"priority": "VIP"}, "vip")],
)
def test_how_long_a_job_waited_for_its_first_claim_is_told_by_tier(
    payload: dict[str, str], tier: str
) -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    claimed = replace(job(), claimed_at=job().created_at + timedelta(seconds=3))
    metrics.claimed(replace(claimed, payload=payload, ahead_seconds=5.0))
    metrics.claimed(replace(claimed, payload=payload, deliveries=2))
    labels = {"queue": "orders", "tier": tier}
    name = "pedidos_job_first_claim_seconds"
    assert registry.get_sample_value(f"{name}_sum", labels) == 3
    assert registry.get_sample_value(f"{name}_count", labels) == 1


def test_functions_that_a_process_has_are_called_by_their_names() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    metrics.knows(["process-payment"])
    metrics.lease_lost(job("process-payment"))
    labels = {"queue": "orders", "function": "process-payment"}
    assert registry.get_sample_value("pedidos_job_leases_lost_total", labels) == 1


def test_functions_of_other_releases_make_no_labels_of_their_own() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    for number in range(3):
        metrics.lease_lost(job(f"orders.unknown_{number}"))
    other = {"queue": "orders", "function": "other"}
    assert registry.get_sample_value("pedidos_job_leases_lost_total", other) == 3


def test_slots_are_told_as_they_are_when_asked() -> None:
    registry, slots = CollectorRegistry(), Slots(4, {"inventory": 2})
    JobMetrics(registry).works(slots)
    for queue in ("orders", "notifications", "orders", "inventory"):
        slots.take(queue)

    def told(name: str, **labels: str) -> list[float | None]:
        states = ("busy", "free")
        return [registry.get_sample_value(name, {**labels, "state": one}) for one in states]

    assert told("pedidos_worker_slots") == [3, 1]
    assert told("pedidos_worker_queue_slots", queue="inventory") == [1, 1]


@pytest.mark.parametrize("server", ["mongodb", "redis"])
def test_commands_that_are_hardly_used_make_no_labels_of_their_own(server: str) -> None:
    registry = CollectorRegistry()
    watch = getattr(ServerMetrics(registry), server)
    for number in range(3):
        watch(f"unheard{number}", 0.5, failed=number == 0)
    name, other = f"pedidos_{server}_command", {"command": "other"}
    assert registry.get_sample_value(f"{name}_duration_seconds_count", other) == 3
    assert registry.get_sample_value(f"{name}_failures_total", other) == 1


def test_the_first_failure_of_a_command_is_seen_by_a_rate() -> None:
    registry = CollectorRegistry()
    watch = ServerMetrics(registry).mongodb
    for command in ("find", "other"):
        labels = {"command": command}
        assert registry.get_sample_value("pedidos_mongodb_command_failures_total", labels) == 0
    watch("find", 0.5, failed=True)
    assert (
        registry.get_sample_value("pedidos_mongodb_command_failures_total", {"command": "find"})
        == 1
    )
