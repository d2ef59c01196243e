"""What is counted of checkouts where they come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_orchestrator.problems import ProblemError

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
REASONS = frozenset({"overloaded", "queue-draining", "idempotency-mismatch", "not-configured"})


class CheckoutMetrics:
    """Counters of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accepted = Counter(
            "pedidos_checkouts_accepted",
            "Checkouts and payments that were taken in",
            ["tier", "mode"],
            registry=registry,
        )
        self._refused = Counter(
            "pedidos_checkouts_refused",
            "Checkouts and payments that were not taken in",
            ["reason"],
            registry=registry,
        )
        self._replayed = Counter(
            "pedidos_checkouts_replayed",
            "Requests under a key that was known, answered as the first one",
            registry=registry,
        )
        self._open = Gauge(
            "pedidos_checkout_open",
            "Users served at once: checkouts being answered, and streams being watched",
            registry=registry,
        )
        self._seconds = Histogram(
            "pedidos_checkout_accept_seconds",
            "Seconds of the one write that takes a checkout in",
            buckets=BUCKETS,
            registry=registry,
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Somebody is being served."""
        self._open.inc()
        try:
            yield
        finally:
            self._open.dec()

    def accepted(self, checkout: Checkout) -> None:
        """One was taken in."""
        self._accepted.labels(checkout.customer.tier.value, checkout.mode.value).inc()

    def refused(self, problem: ProblemError) -> None:
        """One was not."""
        reason = problem.slug if problem.slug in REASONS else "invalid"
        self._refused.labels(reason).inc()

    def replayed(self) -> None:
        """One was known."""
        self._replayed.inc()

    def stored(self, seconds: float) -> None:
        """The write took so long."""
        self._seconds.observe(seconds)
