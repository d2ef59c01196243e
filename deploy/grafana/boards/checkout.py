"""Checkout: the outside providers that it calls."""

from __future__ import annotations

from deploy.grafana.panels import Board, Graph, Number, Panel, Query
from deploy.grafana.queries import per_second, quantile

CALLS = "pedidos_provider_calls_total"
SECONDS = "pedidos_provider_seconds"
STATE = "max by (provider) (pedidos_breaker_state)"
NOT_SENT = '{outcome=~"paused|full"}'
FAILED = '{outcome=~"unavailable|limited"}'
DIFFERENCES = "pedidos_reconciliation_differences"
SINCE = "time() - max(pedidos_reconciliation_ended_timestamp_seconds > 0)"
PERIOD = "max(pedidos_reconciliation_period_seconds)"
STANDING = "sum by (provider, state) (pedidos_provider_calls_now)"


def board() -> Board:
    """The dashboard `checkout`."""
    return Board(
        "checkout",
        "Checkout",
        "Orders placed live, the providers that they need, and whether money and stock agree.",
        [
            ("Taking in", _taking_in()),
            ("Providers", _providers()),
            ("Reconciliation", _reconciliation()),
        ],
    )


def _taking_in() -> list[Panel]:
    return [
        Graph(
            "Checkouts taken in",
            "cps",
            [
                Query(
                    per_second("pedidos_checkouts_accepted_total", "tier", "mode"),
                    "{{tier}} {{mode}}",
                ),
                Query("sum(rate(pedidos_checkouts_replayed_total[$__rate_interval]))", "repeats"),
            ],
        ),
        Graph(
            "Checkouts refused",
            "cps",
            [Query(per_second("pedidos_checkouts_refused_total", "reason"), "{{reason}}")],
        ),
        Graph(
            "Taking one in, p99",
            "s",
            [Query(quantile(0.99, "pedidos_checkout_accept_seconds", "job"), "p99")],
        ),
        Graph("Users served at once", "short", [Query("sum(pedidos_checkout_open)", "users")]),
    ]


def _providers() -> list[Panel]:
    return [
        Number(
            "Breakers",
            "short",
            [Query(STATE, "{{provider}}")],
            width=8,
            description="0 closed, 1 half open (one call is tried), 2 open (left alone)",
        ),
        Graph("Breakers", "short", [Query(STATE, "{{provider}}")]),
        Graph(
            "Breakers opened",
            "cps",
            [Query(per_second("pedidos_breaker_opened_total", "provider"), "{{provider}}")],
        ),
        Graph(
            "Calls",
            "cps",
            [Query(per_second(CALLS, "provider", "outcome"), "{{provider}} {{outcome}}")],
            stacked=True,
        ),
        Graph(
            "Calls without an answer",
            "cps",
            [
                Query(
                    per_second(CALLS, "provider", "operation", "outcome", where=FAILED),
                    "{{provider}} {{operation}} {{outcome}}",
                )
            ],
        ),
        Graph(
            "Calls not sent: deferred, no attempt",
            "cps",
            [
                Query(
                    per_second(CALLS, "provider", "outcome", where=NOT_SENT),
                    "{{provider}} {{outcome}}",
                )
            ],
        ),
        Graph(
            "p95",
            "s",
            [Query(quantile(0.95, SECONDS, "provider", "operation"), "{{provider}} {{operation}}")],
            width=12,
        ),
        Graph("Under way and waiting", "short", [Query(STANDING, "{{provider}} {{state}}")], 12),
    ]


def _reconciliation() -> list[Panel]:
    return [
        Graph(
            "Left for people",
            "short",
            [Query(f'max by (kind) ({DIFFERENCES}{{state="left"}})', "{{kind}}")],
            description="What the newest one found and could not repair",
        ),
        Graph(
            "Repaired",
            "short",
            [Query(f'max by (kind) ({DIFFERENCES}{{state="repaired"}})', "{{kind}}")],
        ),
        Graph(
            "Since everything was compared",
            "s",
            [Query(SINCE, "since"), Query(PERIOD, "period")],
            description="Alert: three periods, for 15 minutes. Without a line: never",
        ),
    ]
