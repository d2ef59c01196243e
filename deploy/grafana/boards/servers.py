"""MongoDB and Redis, as the services see them."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query
from deploy.grafana.queries import per_second, quantile, quantiles

TITLES = {"mongodb": "MongoDB", "redis": "Redis"}


def board() -> Board:
    """The dashboard `servers`."""
    return Board(
        "servers",
        "MongoDB and Redis",
        "Both servers as the services see them: commands, their time, what fails, what is full.",
        [("Now", _now()), *((title, _of(server)) for server, title in TITLES.items())],
    )


def _now() -> list[Number | Graph]:
    return [
        *_of_each("p95", "s", "duration_seconds:p95_rate5m"),
        *_of_each("failures", "percentunit", "failures:ratio_rate5m"),
        Graph(
            "How full",
            "percentunit",
            [Query("max by (store) (pedidos_store_used_ratio)", "{{store}}")],
            width=12,
        ),
        Graph(
            "Writes of orders",
            "s",
            quantiles("pedidos_mongodb_order_write_seconds"),
            width=12,
        ),
    ]


def _of_each(what: str, unit: str, recorded: str) -> list[Number]:
    """A number that the rules record of each server's commands."""
    return [
        Number(f"{title}, {what}", unit, [Query(f"pedidos:{server}_command_{recorded}")], width=6)
        for server, title in TITLES.items()
    ]


def _of(server: str) -> list[Graph]:
    seconds = f"pedidos_{server}_command_duration_seconds"
    failures = per_second(f"pedidos_{server}_command_failures_total", "job", "command")
    return [
        Graph("Commands", "cps", [Query(per_second(f"{seconds}_count", "command"), "{{command}}")]),
        Graph("p95 by command", "s", [Query(quantile(0.95, seconds, "command"), "{{command}}")]),
        Graph("All commands", "s", quantiles(seconds)),
        Graph(
            "Commands by service",
            "cps",
            [Query(per_second(f"{seconds}_count", "job"), "{{job}}")],
            width=12,
        ),
        Graph("Failures", "cps", [Query(failures, "{{job}} {{command}}")], width=12),
    ]
