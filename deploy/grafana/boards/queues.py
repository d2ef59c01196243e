"""Queues and the jobs in them."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query, Timeline
from deploy.grafana.queries import per_second, quantile

JOBS = "pedidos_jobs_total"
WAIT = "pedidos_job_queue_wait_seconds"
FIRST = "pedidos_job_first_claim_seconds"
LAST = "pedidos_job_duration_seconds"


def board() -> Board:
    """The dashboard `queues`."""
    return Board(
        "queues",
        "queues",
        "What waits, for how long, how it ends, and what has to be done again.",
        [("Backlog", _backlog()), ("Jobs", _jobs()), ("Done again", _again())],
    )


def _backlog() -> list[Number | Graph | Timeline]:
    states = ("waiting", "active", "delayed", "failed")
    return [
        *(
            Number(one.title(), "short", [Query(f'sum(pedidos:queue_jobs:max{{state="{one}"}})')])
            for one in states
        ),
        Number("Longest wait", "s", [Query("max(pedidos:queue_oldest_waiting_age_seconds:max)")]),
        Number(
            "State", "short", [Query("pedidos:queue_state:max == 1", "{{state}}")], by_name=True
        ),
        Graph(
            "Jobs by queue and state",
            "short",
            [Query("pedidos:queue_jobs:max", "{{queue}} {{state}}")],
            width=12,
        ),
        Graph(
            "Longest wait by queue",
            "s",
            [
                Query("pedidos:queue_oldest_waiting_age_seconds:max", "{{queue}}"),
                Query("pedidos:queue_waiting_target_seconds", "target of {{queue}}"),
            ],
            width=12,
        ),
        Timeline("State", "short", [Query("pedidos:queue_state:max == 1", "{{state}}")]),
    ]


def _jobs() -> list[Graph]:
    waits = [
        Query(quantile(share, WAIT, "queue"), f"{{{{queue}}}} p{share * 100:.0f}")
        for share in (0.5, 0.95)
    ]
    ended = per_second(JOBS, "function", "outcome")
    mean = (
        f"sum by (function) (rate({LAST}_sum[$__rate_interval])) "
        f"/ sum by (function) (rate({LAST}_count[$__rate_interval]))"
    )
    return [
        Graph("Jobs that ended", "cps", [Query(ended, "{{function}} {{outcome}}")], stacked=True),
        Graph("Wait for a worker", "s", waits),
        Graph(
            "From creation to the first claim (p99)",
            "s",
            [Query(quantile(0.99, FIRST, "queue", "tier"), "{{queue}} {{tier}}")],
        ),
        Graph(
            "How long jobs take",
            "s",
            [
                Query(quantile(0.95, LAST, "function"), "{{function}} p95"),
                Query(mean, "{{function}} mean"),
            ],
        ),
    ]


def _again() -> list[Graph]:
    return [
        Graph(
            "Claims of jobs that had been claimed",
            "cps",
            [
                Query(
                    per_second("pedidos_job_redeliveries_total", "queue", "function"),
                    "{{function}}",
                )
            ],
        ),
        Graph(
            "Lost by the process that had them",
            "cps",
            [
                Query(per_second("pedidos_job_leases_lost_total"), "lease lost"),
                Query(per_second("pedidos_jobs_taken_back_total"), "taken back at a start"),
                Query(
                    per_second(
                        "pedidos_reconciler_actions_total", where='{action="lease_expired"}'
                    ),
                    "taken from a silent worker",
                ),
            ],
        ),
        Graph("Dead letters", "short", [Query("pedidos:dead_letters:max", "{{kind}}")]),
    ]
