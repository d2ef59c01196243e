"""Plots of how many batches should write at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from bench.results import Result

WIDTH, HEIGHT = 7.2, 3.4
MEASURES = (
    ("orders_per_second", "orders/s", "Orders per second"),
    ("mongod_cpu_seconds_per_100k", "CPU s", "mongod's CPU seconds per 100,000 orders"),
)


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Speed and mongod's cost by the number of writes at once, the adaptive limit as a line."""
    for measure, unit, caption in MEASURES:
        yield _caption(caption, result), _figure(result, measure, unit)


def _figure(result: Result, measure: str, unit: str) -> Figure:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    constants = sorted({row["limit"] for row in result.rows if row["limit"] != "adaptive"})
    middle = [median(_values(result, limit, measure)) for limit in constants]
    axes.plot(constants, middle, marker="o", label="a constant (median of the rounds)")
    for limit in constants:
        values = _values(result, limit, measure)
        axes.scatter([limit] * len(values), values, s=12, alpha=0.5, color="#808a94")
    if adaptive := _values(result, "adaptive", measure):
        axes.axhline(median(adaptive), linestyle="--", color="#d9730d", label="adaptive")
    axes.set(xlabel="batches that write at once in each process", ylabel=unit)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def _values(result: Result, limit: Any, measure: str) -> Sequence[float]:
    return [row[measure] for row in result.rows if row["limit"] == limit]


def _caption(what: str, result: Result) -> str:
    found = result.summary.get("limit_found_median")
    return (
        f"{what}, by how many batches write at once in each of {result.settings['processes']} "
        f"processes. The adaptive limit stood at {found}."
    )
