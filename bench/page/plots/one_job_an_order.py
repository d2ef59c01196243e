"""Plots of a job for each order, beside batches."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import by_orders_a_job
from bench.results import Result


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Speed and cost of both."""
    return by_orders_a_job(result.rows, "One job an order beside batches")
