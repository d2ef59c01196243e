"""Plots of what an order costs as runs grow."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.page.plots.cost_bars import COLOURS, Rows, axes_of, legend_below, measured, stacked_cpu
from bench.promises import FLAT_WITHIN
from bench.results import Result
from bench.scaling.rows import BASE_QUANTITY


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """CPU by role, seconds, and peaks of memory, each by the size of the run."""
    rows = measured(result.rows)
    if not rows:
        return
    limit = f"the dashed line is {FLAT_WITHIN:.2f} times the cost at {BASE_QUANTITY:,} orders"
    yield f"CPU seconds per 100,000 orders by size of the run; {limit}", _cpu(rows)
    yield f"Seconds per 100,000 orders by size of the run, lowest to highest; {limit}", _time(rows)
    yield "Largest process of each role at its peak, by size of the run (logarithmic)", _peaks(rows)


def _labels(rows: Rows) -> list[str]:
    return [f"{row['quantity']:,}" for row in rows]


def _draw_limit(axes: Axes, rows: Rows, name: str) -> None:
    for row in rows:
        if row["quantity"] == BASE_QUANTITY:
            axes.axhline(row[name] * FLAT_WITHIN, color="#b22222", linestyle="--", linewidth=1.0)


def _cpu(rows: Rows) -> Figure:
    figure, axes = axes_of()
    stacked_cpu(axes, rows, _labels(rows))
    _draw_limit(axes, rows, "cpu_seconds_per_100k")
    legend_below(figure, axes)
    axes.set(xlabel="orders in the run")
    return figure


def _time(rows: Rows) -> Figure:
    figure, axes = axes_of()
    middle = [row["seconds_per_100k"] for row in rows]
    low, high = (
        [abs(row[f"seconds_{end}"] - row["seconds"]) * 100_000 / row["quantity"] for row in rows]
        for end in ("min", "max")
    )
    blue = COLOURS["generator"]
    axes.errorbar(_labels(rows), middle, yerr=[low, high], marker="o", capsize=4, color=blue)
    _draw_limit(axes, rows, "seconds_per_100k")
    axes.set(xlabel="orders in the run", ylabel="seconds per 100,000 orders")
    axes.set_ylim(bottom=0)
    return figure


def _peaks(rows: Rows) -> Figure:
    figure, axes = axes_of()
    for role, colour in COLOURS.items():
        known = [row for row in rows if row[f"{role}_peak_mib"] is not None]
        peaks = [row[f"{role}_peak_mib"] for row in known]
        axes.plot(_labels(known), peaks, marker="o", color=colour, label=role)
    axes.set(xlabel="orders in the run", ylabel="MiB")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
