"""Plots of memory while the largest runs went on."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import COLOURS, Rows, axes_of
from bench.results import Result

SERVERS = ("mongod",)


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """One for each size of run; mongod, whose cache fills up to its limit, is left out."""
    for quantity in dict.fromkeys(row["quantity"] for row in result.rows):
        rows = [row for row in result.rows if row["quantity"] == quantity]
        caption = (
            f"Resident memory of the largest process of each role during a run of {quantity:,} "
            "orders"
        )
        yield caption, _memory(rows)


def _memory(rows: Rows) -> Figure:
    figure, axes = axes_of()
    for role, colour in COLOURS.items():
        known = [row for row in rows if row.get(f"{role}_mib") is not None]
        if role not in SERVERS and known:
            at = [row["at_seconds"] for row in known]
            axes.plot(at, [row[f"{role}_mib"] for row in known], color=colour, label=role)
    axes.set(xlabel="seconds since the start of the run", ylabel="resident memory, MiB")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
