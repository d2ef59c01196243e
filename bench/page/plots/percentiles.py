"""Bars of how long most, nearly all and the slowest took, beside what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from bench.page.plots.cost_bars import axes_of, legend_below

PROMISED = "#b22222"
COLOURS = ("#9ecae1", "#4292c6", "#08519c")
BAR = 0.25


def percentile_bars(
    rows: Mapping[str, Mapping[str, Any]], names: Sequence[str], unit: str, limit: tuple[str, float]
) -> Figure:
    """Of each row, by its label, a bar for each of three `names`; a line, with its text, at
    `limit`. `unit` is what is measured in, and ends the names."""
    figure, axes = axes_of()
    for number, name in enumerate(names):
        places = [place + (number - 1) * BAR for place in range(len(rows))]
        heights = [row[name] for row in rows.values()]
        label = name.partition("_")[0]
        axes.bar(places, heights, BAR, label=label, color=COLOURS[number])
    text, value = limit
    axes.axhline(value, label=f"{text}: {value:g} {unit}", color=PROMISED, linestyle="--")
    axes.set_xticks(range(len(rows)), list(rows))
    axes.set_ylabel(unit)
    axes.grid(visible=True, axis="y", alpha=0.3)
    legend_below(figure, axes)
    return figure
