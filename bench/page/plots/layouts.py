"""Pictures of the section `layouts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.results import Result

Rows = Sequence[Any]
INSERT, UPDATE, INDEX = "#4c78a8", "#f58518", "#54a24b"


def figures(result: Result) -> Iterator[tuple[str, Figure]]:
    """A picture and what it shows, one after the other."""
    layouts = [row for row in result.rows if row["kind"] == "layout"]
    if layouts:
        orders, rounds = result.settings["orders"], result.settings["rounds"]
        of = f"{orders:,} orders, two processes, medians of {rounds} rounds, lowest and highest"
        yield f"Inserts and updates a second under each layout ({of})", _speeds(layouts)
        yield f"mongod's processor time under each layout ({of})", _cpu(layouts)
        yield "Bytes an order on disk, of the collection and of its indexes", _bytes(layouts)
    queries = [row for row in result.rows if row["kind"] == "query"]
    if queries:
        stored = result.settings["query_orders"]
        yield (
            f"Each query over {stored:,} orders, without and with the index for it",
            _asked(queries),
        )


def _sideways(rows: Rows, name: str) -> tuple[Figure, Axes]:
    """One line a row, the first one at the top."""
    figure = Figure(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(rows)), [row[name] for row in rows])
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", alpha=0.3)
    return figure, axes


def _speeds(rows: Rows) -> Figure:
    figure, axes = _sideways(rows, "layout")
    for name, colour, shift in (
        ("inserts_per_second", INSERT, -0.2),
        ("updates_per_second", UPDATE, 0.2),
    ):
        _bars_with_spread(axes, rows, name, colour, shift)
    axes.set_xlabel("orders a second")
    axes.legend()
    return figure


def _bars_with_spread(axes: Axes, rows: Rows, name: str, colour: str, shift: float) -> None:
    values = [row[name] for row in rows]
    low = [row[name] - row[f"{name}_low"] for row in rows]
    high = [row[f"{name}_high"] - row[name] for row in rows]
    places = [place + shift for place in range(len(rows))]
    label = name.replace("_per_second", " a second")
    axes.barh(places, values, 0.38, xerr=[low, high], color=colour, label=label)


def _cpu(rows: Rows) -> Figure:
    return _stacked(
        rows,
        {
            "insert": ("insert_cpu_seconds_per_100k", INSERT),
            "update": ("update_cpu_seconds_per_100k", UPDATE),
        },
        "processor seconds for 100,000 orders",
    )


def _bytes(rows: Rows) -> Figure:
    return _stacked(
        rows,
        {
            "collection": ("storage_bytes_per_order", INSERT),
            "indexes": ("index_bytes_per_order", INDEX),
        },
        "bytes an order on disk",
    )


def _stacked(rows: Rows, parts: dict[str, tuple[str, str]], unit: str) -> Figure:
    figure, axes = _sideways(rows, "layout")
    before = [0.0] * len(rows)
    for label, (name, colour) in parts.items():
        values = [row[name] for row in rows]
        axes.barh(range(len(rows)), values, 0.7, left=before, color=colour, label=label)
        before = [left + value for left, value in zip(before, values, strict=True)]
    axes.set_xlabel(unit)
    axes.legend()
    return figure


def _asked(rows: Rows) -> Figure:
    figure, axes = _sideways(rows, "query")
    known = [n for n, row in enumerate(rows) if row["with_index_ms"] is not None]
    without = [row["without_index_ms"] for row in rows]
    axes.barh([n - 0.2 for n in range(len(rows))], without, 0.38, color=UPDATE, label="without")
    having = [rows[n]["with_index_ms"] for n in known]
    axes.barh([n + 0.2 for n in known], having, 0.38, color=INDEX, label="with its index")
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds (log)")
    axes.legend()
    return figure
