"""Plots of plain arq beside the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import COLOURS, WIDTH
from bench.results import Result


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Orders a second and CPU seconds of both, on logarithmic scales."""
    if not result.rows:
        return
    factor = result.summary.get("factor")
    said = f": the pipeline takes {factor} times the orders a second" if factor else ""
    yield f"Plain arq, one job an order, beside the pipeline{said} (logarithmic)", _bars(result)


def _bars(result: Result) -> Figure:
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    speed, cost = figure.subplots(2, 1)
    names = [row["what"] for row in result.rows]
    speeds = [row["orders_per_second"] for row in result.rows]
    bars = speed.barh(names, speeds, color=COLOURS["generator"])
    speed.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    speed.set(xlabel="orders a second", xscale="log")
    for shift, key, colour in (
        (-0.2, "client", COLOURS["worker"]),
        (0.2, "mongod", COLOURS["mongod"]),
    ):
        seconds = [row[f"{key}_cpu_seconds_per_100k"] for row in result.rows]
        at = [place + shift for place in range(len(names))]
        label = "all but mongod" if key == "client" else key
        made = cost.barh(at, seconds, 0.38, color=colour, label=label)
        cost.bar_label(made, fmt="{:,.2f}", padding=3, fontsize=8)
    cost.set_yticks(range(len(names)), names)
    cost.set(xlabel="CPU seconds per 100,000 orders", xscale="log")
    for axes in (speed, cost):
        axes.margins(x=0.15)
        axes.invert_yaxis()
    cost.legend(fontsize=8)
    return figure
