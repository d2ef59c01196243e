"""Pictures of the section `latency`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.figure import Figure

from bench.promises import BARRIER_MS, PICKUP_P99_MS, STATUS_P99_MS
from bench.results import Result

Rows = Sequence[Any]
PROMISED = "#b22222"


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """A picture and what it shows, one after the other."""
    points = [row for row in result.rows if row["kind"] == "distribution"]
    for what, start, limit in (
        ("From a job's creation to its start, at rest", "pickup", PICKUP_P99_MS),
        ("GET /pedidos at rest, and 20 times a second during runs", "status", STATUS_P99_MS),
        ("A run of one order", "one order", None),
    ):
        mine = [row for row in points if start in row["what"]]
        if mine:
            yield what, _distributions(mine, limit)
    runs = [row for row in result.rows if row["kind"] == "run"]
    if runs:
        yield "The barrier's price, and what comes before the first order is processed", _runs(runs)


def _distributions(points: Rows, limit: float | None) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    for what in dict.fromkeys(row["what"] for row in points):
        mine = [row for row in points if row["what"] == what]
        axes.plot([row["ms"] for row in mine], [row["percent"] for row in mine], label=what)
    if limit is not None:
        axes.axvline(
            limit, label=f"promised of 99%: {limit:.0f} ms", color=PROMISED, linestyle="--"
        )
    axes.axhline(99, color="#999999", linewidth=0.8)
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("% of all")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return figure


def _runs(rows: Rows) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    sizes = list(dict.fromkeys(row["orders"] for row in rows))
    for name, label, mark in (
        ("barrier_ms", "last VIP settled to first NORMAL started", "o"),
        ("first_chunk_started_ms", "POST to first chunk started", "^"),
        ("first_processed_ms", "POST to first order processed", "s"),
    ):
        known = [row for row in rows if row[name] is not None]
        places = [sizes.index(row["orders"]) for row in known]
        axes.plot(places, [row[name] for row in known], mark, alpha=0.7, label=label)
    axes.axhline(
        BARRIER_MS,
        label=f"promised of the barrier: {BARRIER_MS:.0f} ms",
        color=PROMISED,
        linestyle="--",
    )
    axes.set_xticks(range(len(sizes)), [f"{size:,} orders" for size in sizes])
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("milliseconds, one mark a run")
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend()
    return figure
