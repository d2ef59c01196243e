"""Metrics that only workers have."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pedidos_common.domain.orders import Priority

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class WriteMetrics:
    """How many batches write at once, how many may, and how long a write takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._limit = Gauge(
            "pedidos_worker_write_limit",
            "Writes of orders that may go on side by side, as found by their latency.",
            registry=registry,
        )
        self._in_flight = Gauge(
            "pedidos_worker_writes_in_flight",
            "Writes of orders that go on.",
            registry=registry,
        )
        self._seconds = Histogram(
            "pedidos_mongodb_order_write_seconds",
            "How long writes of orders took, each a batch or a part of one.",
            buckets=SECONDS,
            registry=registry,
        )

    def wrote(self, seconds: float) -> None:
        """See `WriteWatch`."""
        self._seconds.observe(seconds)

    def stands(self, limit: int, in_flight: int) -> None:
        """See `WriteWatch`."""
        self._limit.set(limit)
        self._in_flight.set(in_flight)


class OrderMetrics:
    """`OrderWatch`: how many orders came to their end in this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ended = Counter(
            "pedidos_orders_processed",
            "Orders that became processado or falhou here; one that is sent again counts again.",
            ["priority", "outcome"],
            registry=registry,
        )
        self._processed = {one: ended.labels(one.value, "processed") for one in Priority}
        self._failed = {one: ended.labels(one.value, "failed") for one in Priority}

    def __call__(self, priority: Priority, *, processed: int = 0, failed: int = 0) -> None:
        """See `OrderWatch`."""
        self._processed[priority].inc(processed)
        self._failed[priority].inc(failed)


class WorkerMetrics:
    """All that only workers have."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.writes, self.orders = WriteMetrics(registry), OrderMetrics(registry)
