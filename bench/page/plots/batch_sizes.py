"""Plots of the sizes of processing jobs."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import by_orders_a_job
from bench.results import Result


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Speed and cost by orders a job."""
    return by_orders_a_job(result.rows, "Speed and cost by the number of orders in a job")
