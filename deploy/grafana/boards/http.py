"""The API."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Query
from deploy.grafana.queries import burning, per_second, quantile, quantiles

REQUESTS = "pedidos_http_requests_total"
SECONDS = "pedidos_http_request_duration_seconds"
BY_PEOPLE = '{route!~"/healthz|/readyz|/metrics"}'


def board() -> Board:
    """The dashboard `http`."""
    return Board(
        "http",
        "HTTP",
        "The API: how much is asked of it, how it answers, how long that takes.",
        [("Now", _now()), ("Requests", _requests()), ("By route", _routes())],
    )


def _now() -> list[Number]:
    return [
        Number("Requests", "reqps", [Query(per_second(REQUESTS, where=BY_PEOPLE))], width=6),
        Number("5xx in 5 minutes", "percentunit", [Query("pedidos:http_failed:ratio_rate5m")], 6),
        Number("p99", "s", [Query(quantile(0.99, SECONDS, where=BY_PEOPLE))], width=6),
        Number("Watch live", "short", [Query("sum(pedidos_live_watchers)")], width=6),
    ]


def _requests() -> list[Graph]:
    return [
        Graph(
            "By status",
            "reqps",
            [Query(per_second(REQUESTS, "status", where=BY_PEOPLE), "{{status}}")],
            stacked=True,
        ),
        Graph("Until an answer began", "s", quantiles(SECONDS, where=BY_PEOPLE)),
        Graph(
            "Refused, as their key was over its limit",
            "reqps",
            [Query(per_second("pedidos_http_rate_limited_total"), "429")],
        ),
        Graph("Requests that get a 5xx", "percentunit", burning("http_failed")),
    ]


def _routes() -> list[Graph]:
    failed = per_second(REQUESTS, "method", "route", "status", where='{status=~"5.."}')
    name = "{{method}} {{route}}"
    return [
        Graph("Requests", "reqps", [Query(per_second(REQUESTS, "method", "route"), name)]),
        Graph("p95", "s", [Query(quantile(0.95, SECONDS, "method", "route"), name)]),
        Graph("5xx", "reqps", [Query(failed, f"{name} {{{{status}}}}")]),
    ]
