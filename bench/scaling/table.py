"""Rows of runs as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from bench.running.single_runs import WELL

MIN_WIDTH = 170
# A row's key, and its column's head; what no row has gets no column.
COLUMNS = {
    "quantity": "orders",
    "orders_batch_size": "orders a job",
    "generators": "generators",
    "workers": "workers",
    "runs": "runs",
    "seconds": "seconds",
    "orders_per_second": "orders/s",
    "cpu_seconds_per_100k": "CPU s / 100k",
    "generator_cpu_seconds_per_100k": "generator",
    "worker_cpu_seconds_per_100k": "worker",
    "orchestrator_cpu_seconds_per_100k": "orchestr.",
    "redis_cpu_seconds_per_100k": "Redis",
    "mongod_cpu_seconds_per_100k": "mongod",
    "seconds_relative": "s, rel.",
    "cpu_relative": "CPU, rel.",
    "cost_is_flat": "flat",
    "others_percent": "others, %",
}
PEAKS = {
    "generator_peak_mib": "generator",
    "worker_peak_mib": "worker",
    "orchestrator_peak_mib": "orchestr.",
    "redis_peak_mib": "Redis",
    "mongod_peak_mib": "mongod",
}


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line a row; peaks of memory stand in one column, and how the runs ended in the last."""
    made = Table(title=title, title_justify="left", caption_justify="left")
    made.caption = (
        f"CPU seconds are for 100,000 orders; peaks, in MiB, of {', '.join(PEAKS.values())}; "
        "others: how much of the machine was not ours"
    )
    keys = [key for key in COLUMNS if any(key in row for row in rows)]
    for key in keys:
        made.add_column(COLUMNS[key], justify="right", no_wrap=True)
    made.add_column("peaks", justify="right", no_wrap=True)
    made.add_column("audit")
    for row in rows:
        made.add_row(*(_cell(row.get(key)) for key in keys), "/".join(_peaks(row)), _audit(row))
    return made


def _audit(row: Mapping[str, Any]) -> str:
    return "passed" if row["ended"] == WELL else str(row["ended"])


def _peaks(row: Mapping[str, Any]) -> Iterator[str]:
    for key in PEAKS:
        peak = row.get(key)
        yield "-" if peak is None else f"{peak:.0f}"


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "NO"
        case float():
            return f"{value:.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
