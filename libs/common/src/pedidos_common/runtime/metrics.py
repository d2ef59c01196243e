"""Metrics that more than one service has; labels are bounded and never ids.

docs/metrics.md lists every metric of every service, and a test holds it equal to the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Reading = tuple[Sequence[str], float]


def new_registry() -> CollectorRegistry:
    """A registry with the process' own memory, processor time and garbage collection."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class ReadCounter(Collector):
    """A counter whose values something else keeps, read when it is scraped."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], read: Callable[[], Iterable[Reading]]
    ) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def describe(self) -> list[Metric]:
        """The counter without values."""
        return [self._family()]

    def collect(self) -> list[Metric]:
        """The counter as it stands now."""
        family = self._family()
        for values, count in self._read():
            family.add_metric(values, count)
        return [family]

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._text, labels=self._labels)


def watch_dropped_logs(registry: CollectorRegistry, dropped: Callable[[], int]) -> None:
    """Expose how many log lines were lost on their way to files and the gathering."""
    registry.register(
        ReadCounter(
            "pedidos_log_lines_dropped",
            "Log lines lost on their way to files and the gathering.",
            (),
            lambda: [((), dropped())],
        )
    )
