"""Plots of numbers of processes."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import measured, speed_and_cost
from bench.results import Result


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Speed and cost by generators and workers."""
    rows = measured(result.rows)
    if rows:
        labels = [f"{row['generators']} + {row['workers']}" for row in rows]
        caption = (
            "Speed and cost by the number of generator and worker processes on "
            f"{result.machine['cores']} cores, {rows[0]['quantity']:,} orders"
        )
        yield caption, speed_and_cost(rows, labels, "generators + workers")
