"""What the loops of the leader did in this process, as metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from pedidos_common.runtime.metrics import ReadCounter
from pedidos_orchestrator.engine.housekeeping import Housekeeping
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.loop import EngineLoop
from pedidos_orchestrator.engine.reconcile import Reconciler


def expose_engine(
    registry: CollectorRegistry,
    leadership: Leadership,
    engine: EngineLoop,
    reconciler: Reconciler,
    housekeeping: Housekeeping,
    looks: Mapping[str, int],
) -> None:
    """Register metrics that are read from these when they are scraped.

    `looks` has the failures of the loops that only look, by their names.
    """
    leads = Gauge(
        "pedidos_orchestrator_leader",
        "1 while this orchestrator leads, else 0.",
        registry=registry,
    )
    leads.set_function(lambda: float(leadership.epoch is not None))
    registry.register(
        ReadCounter(
            "pedidos_reconciler_actions",
            "Repairs: jobs taken from lost workers, rung again, whose pause was over, or followed.",
            ("action",),
            lambda: [
                (("lease_expired",), reconciler.expired),
                (("ring_repeated",), reconciler.rung),
                (("retry_due",), reconciler.due),
                (("follow_ups_created",), reconciler.followed),
            ],
        )
    )
    registry.register(
        ReadCounter(
            "pedidos_loop_failures",
            "Turns of the leader's loops that failed; each comes again.",
            ("loop",),
            lambda: [
                (("engine",), engine.failures),
                (("reconcile",), reconciler.failures),
                (("housekeeping",), housekeeping.failures),
                *(((name,), failures) for name, failures in looks.items()),
            ],
        )
    )
