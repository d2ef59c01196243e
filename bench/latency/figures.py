"""Percentiles, and what is promised of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from bench.promises import BARRIER_MS, PICKUP_P99_MS, STATUS_P99_MS

Row = Mapping[str, Any]
BARRIER_ORDERS = 1_000_000
POINTS = (*range(0, 100, 5), 99, 100)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """How many there are, and how they lie; empty where there are none."""
    if not values:
        return {"samples": 0}
    points = {f"p{percent}_ms": round(percentile(values, percent), 1) for percent in (50, 90, 99)}
    return {"samples": len(values), **points, "max_ms": round(max(values), 1)}


def latency_rows(what: str, values: Sequence[float]) -> Iterator[dict[str, Any]]:
    """A row for the whole, and one for each point of its distribution."""
    yield {"kind": "latency", "what": what, **spread(values)}
    for percent in POINTS if values else ():
        point = round(percentile(values, percent), 2)
        yield {"kind": "distribution", "what": what, "percent": percent, "ms": point}


def summary_of(rows: Sequence[Row]) -> dict[str, Any]:
    """The figures that something is promised about, where they were measured."""
    figures: dict[str, Any] = {}
    for row in rows:
        if row["kind"] == "latency" and row["samples"]:
            name = row["what"]
            figures |= {f"{name} p50_ms": row["p50_ms"], f"{name} p99_ms": row["p99_ms"]}
    idle = [row["cpu_percent"] for row in rows if row["kind"] == "idle"]
    if idle:
        figures["all processes at rest, % of a core"] = round(sum(idle), 1)
    for quantity in sorted({row["orders"] for row in rows if row["kind"] == "run"}):
        mine = [row for row in rows if row["kind"] == "run" and row["orders"] == quantity]
        for name in ("barrier_ms", "first_processed_ms", "status_p99_ms"):
            known = [row[name] for row in mine if row[name] is not None]
            if known:
                figures[f"{quantity} orders {name}"] = round(median(known), 1)
    return figures


def misses(summary: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it is promised."""
    limits = {
        "pickup": ("p99_ms", PICKUP_P99_MS),
        "status": ("p99_ms", STATUS_P99_MS),
        f"{BARRIER_ORDERS} orders status": ("p99_ms", STATUS_P99_MS),
        f"{BARRIER_ORDERS} orders barrier": ("ms", BARRIER_MS),
    }
    for name, value in summary.items():
        for start, (end, limit) in limits.items():
            if name.startswith(start) and name.endswith(end) and value > limit:
                yield f"{name} is {value:.1f}, over {limit:.0f}"
