"""What rounds with and without metrics and traces come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.running.single_runs import RunFigures
from bench.running.stack import SERVICES

OFF, ON = "off", "on"
CLIENTS = (*SERVICES, "redis")
ALL = (*CLIENTS, "mongod")


def row_of(
    number: int, arm: str, first: bool, figures: RunFigures, spans: int, scrapes: int
) -> dict[str, Any]:
    """One run; `first` says that it came before the other one of its round."""
    return {
        "round": number,
        "arm": arm,
        "first": first,
        "ended": figures.ended,
        "seconds": figures.seconds,
        "client_cpu_seconds_per_100k": round(figures.per_100k(*CLIENTS), 4),
        "all_cpu_seconds_per_100k": round(figures.per_100k(*ALL), 4),
        **{f"{role}_cpu_seconds_per_100k": round(figures.per_100k(role), 4) for role in ALL},
        "spans": spans,
        "scrapes": scrapes,
    }


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By how many percent each round took more processor time with them on: median and spread."""
    return {
        f"{what}_percent": _spread(_percents(rows, f"{what}_cpu_seconds_per_100k"))
        for what in ("client", "all", *ALL)
    } | {"seconds_percent": _spread(_percents(rows, "seconds"))}


def _percents(rows: Sequence[Mapping[str, Any]], figure: str) -> list[float]:
    rounds: dict[int, dict[str, float]] = {}
    for row in rows:
        rounds.setdefault(row["round"], {})[row["arm"]] = row[figure]
    return [
        100.0 * (pair[ON] / pair[OFF] - 1.0)
        for pair in rounds.values()
        if pair.keys() >= {ON, OFF} and pair[OFF] > 0
    ]


def _spread(percents: Sequence[float]) -> dict[str, float] | None:
    if not percents:
        return None
    return {
        "median": round(median(percents), 2),
        "least": round(min(percents), 2),
        "most": round(max(percents), 2),
    }
