"""Bars that several sections share: orders a second, and CPU seconds by role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.2, 3.4
COLOURS = {
    "mongod": "#808a94",
    "generator": "#2f7de1",
    "worker": "#d9730d",
    "orchestrator": "#2f9e44",
    "redis": "#e0455e",
}
Rows = Sequence[Mapping[str, Any]]


def axes_of(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """An empty figure of the page's width."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def measured(rows: Rows) -> Rows:
    """The rows that have figures."""
    return [row for row in rows if "seconds" in row]


def speed_and_cost(rows: Rows, labels: Sequence[str], what: str) -> Figure:
    """Orders a second on the left, CPU seconds per 100,000 orders by role on the right."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    speeds = [row["orders_per_second"] for row in rows]
    bars = left.bar(labels, speeds, color=COLOURS["generator"])
    left.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=8)
    left.set(xlabel=what, ylabel="orders a second")
    left.margins(y=0.15)
    stacked_cpu(right, rows, labels)
    right.set(xlabel=what)
    legend_below(figure, right)
    return figure


def by_orders_a_job(rows: Rows, caption: str) -> Iterator[tuple[str, Figure]]:
    """Speed and cost of each batch size; `caption` is completed by the number of orders."""
    rows = measured(rows)
    if rows:
        labels = [f"{row['orders_batch_size']:,}" for row in rows]
        figure = speed_and_cost(rows, labels, "orders a job")
        yield f"{caption}, {rows[0]['quantity']:,} orders", figure


def legend_below(figure: Figure, axes: Axes) -> None:
    """Where no bar is under it."""
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(COLOURS),
        fontsize=8,
    )


def stacked_cpu(axes: Axes, rows: Rows, labels: Sequence[str]) -> None:
    """One bar a row, with the sum above it."""
    below = [0.0] * len(rows)
    for role, colour in COLOURS.items():
        heights = [row[f"{role}_cpu_seconds_per_100k"] for row in rows]
        axes.bar(labels, heights, bottom=below, color=colour, label=role)
        below = [base + height for base, height in zip(below, heights, strict=True)]
    for label, top in zip(labels, below, strict=True):
        axes.text(label, top, f"{top:.2f}", ha="center", va="bottom", fontsize=8)  # type: ignore[arg-type]
    axes.set(ylabel="CPU seconds per 100,000 orders")
    axes.margins(y=0.1)
