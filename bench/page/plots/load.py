"""Pictures of the section `load`."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.load.__main__ import ALL, LIMITS
from bench.page.plots.percentiles import percentile_bars
from bench.results import Result

NAMES = ("p50_ms", "p95_ms", "p99_ms")


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """A picture and what it shows, one after the other."""
    for phase, limit in LIMITS.items():
        kinds = {
            row["kind"].removeprefix("checkout "): row
            for row in result.rows
            if row["phase"] == phase
        }
        if kinds:
            count = sum(row["count"] for row in kinds.values() if row["kind"] == ALL)
            caption = f"Answers to {count:,} checkouts, {result.settings['rate']:g} a second, "
            promised = ("promised of 99%", limit)
            yield caption + phase, percentile_bars(kinds, NAMES, "ms", promised)
