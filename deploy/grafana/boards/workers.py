"""The processes: what they have to do, and how they bear it."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query
from deploy.grafana.queries import OURS, per_second, quantile, quantiles

ONE = "{{job}} {{instance}}"


def board() -> Board:
    """The dashboard `workers`."""
    return Board(
        "workers",
        "workers",
        "Slots, writes and the state of each process; generators and orchestrators too.",
        [("Slots", _slots()), ("Writes of orders", _writes()), ("Processes", _processes())],
    )


def _slots() -> list[Number | Graph]:
    work = "sum by (job, instance) (rate(pedidos_job_duration_seconds_sum[$__rate_interval]))"
    return [
        Number("Workers", "short", [Query('sum(up{job="pedidos-worker"})')]),
        Number("Generators", "short", [Query('sum(up{job="pedidos-generator"})')]),
        Number("Orchestrators", "short", [Query('sum(up{job="pedidos-orchestrator"})')]),
        Number("Busy", "short", [Query('sum(pedidos:worker_slots:sum{state="busy"})')]),
        Number("Free", "short", [Query('sum(pedidos:worker_slots:sum{state="free"})')]),
        Number("Latest loop lag", "s", [Query("max(pedidos_event_loop_lag_max_seconds)")]),
        Graph("Slots in use", "percentunit", [Query("pedidos:worker_slots:busy_ratio", "{{job}}")]),
        Graph(
            "Busy slots by process",
            "short",
            [Query('pedidos_worker_slots{state="busy"}', ONE)],
        ),
        Graph(
            "Busy slots of queues that have their own",
            "percentunit",
            [
                Query(
                    'sum by (queue) (pedidos_worker_queue_slots{state="busy"}) '
                    "/ (sum by (queue) (pedidos_worker_queue_slots) > 0)",
                    "{{queue}}",
                )
            ],
        ),
        Graph(
            "Work by process",
            "short",
            [Query(work, ONE)],
            description="Seconds of jobs that ended, a second: as many slots were busy on average.",
        ),
    ]


def _writes() -> list[Graph]:
    return [
        Graph(
            "Writes side by side",
            "short",
            [
                Query("sum(pedidos_worker_write_limit)", "limit"),
                Query("sum(pedidos_worker_writes_in_flight)", "in flight"),
            ],
            description="A worker finds its limit by MongoDB's latency.",
        ),
        Graph("How long a write takes", "s", quantiles("pedidos_mongodb_order_write_seconds")),
        Graph(
            "Orders by process",
            "cps",
            [Query(per_second("pedidos_orders_processed_total", "instance"), "{{instance}}")],
        ),
    ]


def _processes() -> list[Graph]:
    lag = quantile(0.99, "pedidos_event_loop_lag_seconds", "job", "instance")
    of_ours = f"{{{OURS}}}"
    return [
        Graph("Event loop late (p99)", "s", [Query(lag, ONE)]),
        Graph(
            "Processor time",
            "percentunit",
            [Query(f"rate(process_cpu_seconds_total{of_ours}[$__rate_interval])", ONE)],
        ),
        Graph("Memory", "bytes", [Query(f"process_resident_memory_bytes{of_ours}", ONE)]),
        Graph("Open files", "short", [Query(f"process_open_fds{of_ours}", ONE)]),
        Graph(
            "Alive for",
            "s",
            [Query(f"time() - process_start_time_seconds{of_ours}", ONE)],
            description="A saw tooth is a process that ends again and again.",
        ),
        Graph(
            "Spans of traces",
            "cps",
            [Query(per_second("pedidos_trace_spans_total", "outcome"), "{{outcome}}")],
        ),
        Graph(
            "Log lines lost",
            "cps",
            [Query(per_second("pedidos_log_lines_dropped_total", "job"), "{{job}}")],
        ),
    ]
