"""How things stand, at one look."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query
from deploy.grafana.queries import OURS, burning, per_second


def board() -> Board:
    """The dashboard `overview`."""
    return Board(
        "overview",
        "overview",
        "How things stand: the run, the queues, the processes and what fails.",
        [("Now", _now()), ("Work", _work()), ("Health", _health())],
    )


def _now() -> list[Number]:
    firing = 'count(ALERTS{alertname=~"Pedidos.+", alertstate="firing"}) or vector(0)'
    return [
        Number(
            "Phase",
            "short",
            [Query("max by (phase) (pedidos_run_phase) == 1", "{{phase}}")],
            by_name=True,
        ),
        Number("Done", "percentunit", [Query("max(pedidos_run_progress_ratio)")]),
        Number("Remaining", "s", [Query("max(pedidos_run_estimated_remaining_seconds)")]),
        Number("Alerts that fire", "short", [Query(firing)]),
        Number("Dead letters", "short", [Query("sum(pedidos:dead_letters:max)")]),
        Number(
            "Processes that answer",
            "short",
            [Query(f"sum(up{{{OURS}}})")],
        ),
    ]


def _work() -> list[Graph]:
    orders = per_second("pedidos_orders_processed_total", "priority", "outcome")
    return [
        Graph("Orders", "cps", [Query(orders, "{{priority}} {{outcome}}")], stacked=True),
        Graph(
            "Jobs",
            "short",
            [Query("sum by (state) (pedidos:queue_jobs:max)", "{{state}}")],
            stacked=True,
        ),
        Graph(
            "Longest wait",
            "s",
            [
                Query("pedidos:queue_oldest_waiting_age_seconds:max", "{{queue}}"),
                Query("pedidos:queue_waiting_target_seconds", "target of {{queue}}"),
            ],
        ),
    ]


def _health() -> list[Graph]:
    return [
        Graph("Orders that fail for good", "percentunit", burning("orders_failed")),
        Graph("Requests that get a 5xx", "percentunit", burning("http_failed")),
        Graph("Slots in use", "percentunit", [Query("pedidos:worker_slots:busy_ratio", "{{job}}")]),
        Graph(
            "Requests",
            "reqps",
            [Query(per_second("pedidos_http_requests_total", "status"), "{{status}}")],
            stacked=True,
        ),
        Graph(
            "Slow commands (p95)",
            "s",
            [
                Query("pedidos:mongodb_command_duration_seconds:p95_rate5m", "MongoDB"),
                Query("pedidos:redis_command_duration_seconds:p95_rate5m", "Redis"),
            ],
        ),
        Graph("Leaders", "short", [Query("sum(pedidos_orchestrator_leader)", "orchestrators")]),
    ]
