"""Pictures of the section `load_classes`."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.percentiles import percentile_bars
from bench.results import Result

NAMES = ("p50_seconds", "p99_seconds", "max_seconds")


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """A picture and what it shows, one after the other."""
    classes = {
        f"{row['kind']}: {row['count']:,}": row for row in result.rows if row["phase"] == "waits"
    }
    if classes:
        told = result.summary
        times = told["rate_a_second"] / told["capacity_a_second"]
        bound = ("bound by its formula", told["bound_seconds"])
        caption = f"Waits for the first step at {times:g} times of what can be done"
        yield caption, percentile_bars(classes, NAMES, "seconds", bound)
