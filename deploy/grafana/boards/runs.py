"""The run that goes on, or the last one."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query, Timeline
from deploy.grafana.queries import burning, per_second


def board() -> Board:
    """The dashboard `runs`."""
    return Board(
        "runs",
        "runs",
        "The newest run: its phases, how far it is, how fast it goes, and what hurts it.",
        [("Now", _now()), ("Progress", _progress()), ("Trouble", _trouble())],
    )


def _now() -> list[Number | Timeline]:
    final = "sum(max by (priority, outcome) (pedidos_run_final_orders))"
    return [
        Number("Orders wanted", "short", [Query("max(pedidos_run_target_orders)")]),
        Number("Written", "short", [Query("max(pedidos_run_generated_orders)")]),
        Number("Final", "short", [Query(final)]),
        Number("Done", "percentunit", [Query("max(pedidos_run_progress_ratio)")]),
        Number("Remaining", "s", [Query("max(pedidos_run_estimated_remaining_seconds)")]),
        Number("Still for", "s", [Query("max(pedidos_run_stalled_seconds)")]),
        Timeline("Phase", "short", [Query("max by (phase) (pedidos_run_phase) == 1", "{{phase}}")]),
    ]


def _progress() -> list[Graph]:
    orders = per_second("pedidos_orders_processed_total", "priority", "outcome")
    return [
        Graph(
            "Orders of the run",
            "short",
            [
                Query("max(pedidos_run_target_orders)", "wanted"),
                Query("max(pedidos_run_generated_orders)", "written"),
                Query(
                    "max by (priority, outcome) (pedidos_run_final_orders)",
                    "{{priority}} {{outcome}}",
                ),
            ],
            description="By the engine's count. No NORMAL order before the last VIP one is final.",
        ),
        Graph("Throughput", "cps", [Query(orders, "{{priority}} {{outcome}}")], stacked=True),
        Graph(
            "Estimate",
            "s",
            [Query("max(pedidos_run_estimated_remaining_seconds)", "remaining")],
            description="Absent while it is unknown, as in a pause.",
        ),
    ]


def _trouble() -> list[Graph]:
    return [
        Graph(
            "Standstill",
            "s",
            [
                Query("max(pedidos_run_stalled_seconds)", "still for"),
                Query("pedidos:run_stalled_target_seconds", "target"),
            ],
        ),
        Graph("Orders that fail for good", "percentunit", burning("orders_failed")),
        Graph("Dead letters", "short", [Query("pedidos:dead_letters:max", "{{kind}}")]),
        Graph(
            "Repairs by the leader",
            "cps",
            [Query(per_second("pedidos_reconciler_actions_total", "action"), "{{action}}")],
            description="lease_expired: taken from a silent worker; ring_repeated: lost by Redis; "
            "retry_due: the pause before the next try was over; follow_ups_created: "
            "left by whoever settled a job.",
        ),
        Graph(
            "Failed turns of the leader's loops",
            "cps",
            [Query(per_second("pedidos_loop_failures_total", "loop"), "{{loop}}")],
        ),
        Graph("Leaders", "short", [Query("sum(pedidos_orchestrator_leader)", "orchestrators")]),
    ]
