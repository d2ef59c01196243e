"""Metrics that every process with jobs has; labels are bounded and never ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


def new_registry() -> CollectorRegistry:
    """A registry with the process' own memory, processor time and garbage collection."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """Jobs and background loops of one process."""

    jobs: Counter
    job_seconds: Histogram
    loop_failures: Counter

    def job_ended(self, queue: str, function: str, outcome: str, seconds: float) -> None:
        """Count one run of a job and how long it took."""
        self.jobs.labels(queue, function, outcome).inc()
        self.job_seconds.labels(queue, function).observe(seconds)

    def loop_failed(self, name: str) -> None:
        """Count a failure of a background loop; fits `supervised(failed=…)`."""
        self.loop_failures.labels(name).inc()


def process_metrics(registry: CollectorRegistry) -> ProcessMetrics:
    """Register the metrics of `ProcessMetrics`."""
    return ProcessMetrics(
        jobs=Counter(
            "pedidos_jobs",
            "Runs of jobs, by outcome.",
            ["queue", "function", "outcome"],
            registry=registry,
        ),
        job_seconds=Histogram(
            "pedidos_job_duration_seconds",
            "How long runs of jobs took.",
            ["queue", "function"],
            buckets=SECONDS,
            registry=registry,
        ),
        loop_failures=Counter(
            "pedidos_loop_failures",
            "Failures of background loops.",
            ["loop"],
            registry=registry,
        ),
    )


def watch_dropped_logs(registry: CollectorRegistry, dropped: Callable[[], int]) -> None:
    """Expose how many log lines were lost on their way to files and the gathering."""
    gauge = Gauge(
        "pedidos_log_lines_dropped",
        "Log lines lost on their way to files and the gathering.",
        registry=registry,
    )
    gauge.set_function(dropped)
