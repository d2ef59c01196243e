"""What calls of providers come to, and their breakers, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pedidos_checkout.adapters.guarded import Outcome
from pedidos_checkout.ports import EMAIL, PAYMENT, SMS
from pedidos_common.domain.breakers import BreakerState

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    PAYMENT: ("authorise", "capture", "void", "refund", "lookup"),
    EMAIL: ("send",),
    SMS: ("send",),
}
STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class ProviderMetrics:
    """The metrics of all providers of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "pedidos_provider_calls",
            "Calls of outside providers, by how they ended.",
            ["provider", "operation", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "pedidos_provider_seconds",
            "How long calls of outside providers took that were sent.",
            ["provider", "operation"],
            buckets=SECONDS,
            registry=registry,
        )
        self.standing = Gauge(
            "pedidos_provider_calls_now",
            "Calls of outside providers that are under way, or wait for their turn.",
            ["provider", "state"],
            registry=registry,
        )
        self.state = Gauge(
            "pedidos_breaker_state",
            "What this process knows of a provider's breaker: 0 closed, 1 half open, 2 open.",
            ["provider"],
            registry=registry,
        )
        self.opened = Counter(
            "pedidos_breaker_opened",
            "Times that calls of this process opened a provider's breaker.",
            ["provider"],
            registry=registry,
        )

    def of(self, provider: str, state: Callable[[str], BreakerState]) -> OneProvider:
        """The metrics of one; `state` tells how its breaker stands."""
        self.state.labels(provider).set_function(lambda: STATES[state(provider)])
        return OneProvider(self, provider)


class OneProvider:
    """`adapters.guarded.CallWatch`."""

    def __init__(self, metrics: ProviderMetrics, provider: str) -> None:
        self._metrics, self._provider = metrics, provider
        # a series that begins with its first failure hides that one from a rate
        for operation in OPERATIONS[provider]:
            metrics.seconds.labels(provider, operation)
            for outcome in Outcome:
                metrics.calls.labels(provider, operation, outcome)
        self._opened = metrics.opened.labels(provider)
        self._in_flight = metrics.standing.labels(provider, "in_flight")
        self._waiting = metrics.standing.labels(provider, "waiting")

    def ended(self, operation: str, outcome: Outcome, seconds: float | None) -> None:
        """See `CallWatch.ended`."""
        self._metrics.calls.labels(self._provider, operation, outcome).inc()
        if seconds is not None:
            self._metrics.seconds.labels(self._provider, operation).observe(seconds)

    def stands(self, in_flight: int, waiting: int) -> None:
        """See `CallWatch.stands`."""
        self._in_flight.set(in_flight)
        self._waiting.set(waiting)

    def opened(self) -> None:
        """See `CallWatch.opened`."""
        self._opened.inc()
