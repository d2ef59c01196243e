"""What the rounds of layouts say: medians, spread, prices; and the table of the decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from bench.layouts.catalogue import LAYOUTS, Layout

Row = Mapping[str, Any]
FIGURES = (
    "inserts_per_second",
    "updates_per_second",
    "insert_cpu_seconds_per_100k",
    "update_cpu_seconds_per_100k",
    "data_bytes_per_order",
    "storage_bytes_per_order",
    "index_bytes_per_order",
)
CPU = ("insert_cpu_seconds_per_100k", "update_cpu_seconds_per_100k")


def layout_rows(
    rounds: Sequence[Row], layouts: Sequence[Layout] = LAYOUTS
) -> Iterator[dict[str, Any]]:
    """A row for each layout that was measured: medians of its rounds, lowest and highest."""
    for layout in layouts:
        mine = [row for row in rounds if row["layout"] == layout.name]
        if mine:
            yield {
                "kind": "layout",
                "layout": layout.name,
                "group": layout.group,
                "ids": layout.ids.value,
                "clustered": layout.clustered,
                "indexes": ", ".join(index.name for index in layout.indexes),
                "concern": layout.concern.value,
                "fenced": layout.fenced,
                "replica_set": layout.replica_set,
                "updates_by": layout.updates_by,
                "rounds": len(mine),
                **_medians(mine),
                **_prices(layout, rounds),
            }


def _medians(rounds: Sequence[Row]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in FIGURES:
        values = [row[name] for row in rounds]
        figures[name] = round(median(values), 3)
        if name not in FIGURES[4:]:
            figures |= {f"{name}_low": min(values), f"{name}_high": max(values)}
    return figures


def _prices(layout: Layout, rounds: Sequence[Row]) -> dict[str, Any]:
    """What it takes more than the layout without it: medians of the rounds' differences.

    Both of a round were measured within the same minute, so that noise is in both.
    """
    pairs = list(_pairs(layout, rounds))
    if not pairs:
        return {"without": layout.without}
    prices: dict[str, Any] = {"without": layout.without}
    for name in CPU:
        differences = [mine[name] - other[name] for mine, other in pairs]
        prices[f"{name}_more"] = round(median(differences), 3)
    return prices


def _pairs(layout: Layout, rounds: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    others = {row["round"]: row for row in rounds if row["layout"] == layout.without}
    for row in rounds:
        if row["layout"] == layout.name and row["round"] in others:
            yield row, others[row["round"]]


def summary_of(rows: Sequence[Row]) -> dict[str, Any]:
    """The prices in mongod's processor seconds for 100,000 orders, inserted and updated."""
    prices = {
        f"cpu_seconds_per_100k of {row['layout']}": round(
            sum(row[f"{name}_more"] for name in CPU), 3
        )
        for row in rows
        if row["kind"] == "layout" and f"{CPU[0]}_more" in row
    }
    for row in rows:
        if row.get("layout") == "the product's" and row["kind"] == "layout":
            whole = round(sum(row[name] for name in CPU), 3)
            return {"product_cpu_seconds_per_100k": whole, **prices}
    return prices


def markdown(rows: Sequence[Row], stored: int) -> Iterator[str]:
    """The tables of docs/decisions/0002-storage-layout.md, line by line."""
    yield (
        "| layout | inserts/s | updates/s | mongod CPU s per 100,000: insert + update"
        " | more than without | bytes an order: data, on disk, indexes |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        if row["kind"] == "layout":
            yield _layout_line(row)
    yield ""
    yield f"| query over {stored:,} orders | route | index | without | with | index: build, size |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in rows:
        if row["kind"] == "query":
            yield _query_line(row)


def _layout_line(row: Row) -> str:
    insert, update = (row[name] for name in CPU)
    price = "-"
    if f"{CPU[0]}_more" in row:
        price = " ".join(f"{row[f'{name}_more']:+.2f}" for name in CPU)
    sizes = ", ".join(f"{row[name]:.0f}" for name in FIGURES[4:])
    return (
        f"| {row['layout']} | {_with_spread(row, 'inserts_per_second')}"
        f" | {_with_spread(row, 'updates_per_second')}"
        f" | {insert:.2f} + {update:.2f} | {price} | {sizes} |"
    )


def _with_spread(row: Row, name: str) -> str:
    low, high = row[f"{name}_low"] / 1000, row[f"{name}_high"] / 1000
    return f"{row[name] / 1000:.0f}k ({low:.0f} to {high:.0f})"


def _query_line(row: Row) -> str:
    having = built = "-"
    if row["with_index_ms"] is not None:
        having = f"{row['with_index_ms']:.1f} ms"
        built = f"{row['build_seconds']:.1f} s, {row['index_bytes_per_order']:.1f} B an order"
    return (
        f"| {row['query']} | {row['route']} | {row['index'] or 'none: `_id`, or a scan'}"
        f" | {row['without_index_ms']:.1f} ms | {having} | {built} |"
    )
