"""Plots of the section `capacity`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.results import Result

SIZE_INCHES = (8.0, 4.5)
MARKERS = "os^Dv"


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """Predicted beside measured; shards by orders a day; ceilings of one engine."""
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for row in result.rows:
        by_kind.setdefault(row["kind"], []).append(row)
    if checks := by_kind.get("check"):
        yield "Simulated and measured seconds; the line is where they agree", _checks(checks)
    if needs := by_kind.get("need"):
        yield "MongoDB shards that a day's orders need, by what fills them", _needs(needs)
    if ceilings := by_kind.get("ceiling"):
        yield "What one engine could do with all else without bounds", _ceilings(ceilings)


def _checks(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    parts = list(dict.fromkeys(row["part"] for row in rows))
    for part, marker in zip(parts, MARKERS, strict=False):
        points = [row for row in rows if row["part"] == part]
        measured = [row["measured_seconds"] for row in points]
        predicted = [row["predicted_seconds"] for row in points]
        axes.loglog(measured, predicted, marker, label=part, alpha=0.8)
    every = [row[name] for row in rows for name in ("measured_seconds", "predicted_seconds")]
    axes.loglog([min(every), max(every)], [min(every), max(every)], color="grey", linewidth=1)
    return _explained(figure, axes, "measured, s", "simulated, s")


def _needs(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    days = [row["orders_per_day"] for row in rows]
    for what, name in (("cpu", "processor time"), ("writes", "written bytes"), ("disk", "disk")):
        shards = [row[f"{what}_shards_exactly"] for row in rows]
        axes.loglog(days, shards, "o-", label=name)
    axes.axhline(1.0, color="grey", linewidth=1)
    return _explained(figure, axes, "orders a day", "shards, not rounded up")


def _explained(figure: Figure, axes: Axes, across: str, upwards: str) -> Figure:
    axes.set(xlabel=across, ylabel=upwards)
    axes.legend()
    axes.grid(visible=True, which="major", alpha=0.3)
    return figure


def _ceilings(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    names = [f"group {row['group_size']:,}\nbatch {row['orders_batch_size']:,}" for row in rows]
    bars = axes.bar(names, [row["orders_per_second"] for row in rows])
    axes.bar_label(bars, labels=[f"{row['orders_per_second']:,}" for row in rows])
    axes.set_ylabel("orders a second")
    return figure
