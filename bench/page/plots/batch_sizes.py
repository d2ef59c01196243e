"""Plots of the sizes of processing jobs."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import measured, speed_and_cost
from bench.results import Result


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Speed and cost by orders a job."""
    rows = measured(result.rows)
    if rows:
        labels = [f"{row['orders_batch_size']:,}" for row in rows]
        caption = f"Speed and cost by the number of orders in a job, {rows[0]['quantity']:,} orders"
        yield caption, speed_and_cost(rows, labels, "orders a job")
