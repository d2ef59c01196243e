"""What the rounds of layouts say."""

from __future__ import annotations

from typing import Any

import pytest

from bench.layouts.catalogue import BASE, LAYOUTS
from bench.layouts.figures import FIGURES, layout_rows, markdown, summary_of
from bench.page.plots.layouts import figures
from bench.results import Result

PRODUCT = "the product's"


def a_round(number: int, layout: str, **changes: float) -> dict[str, Any]:
    plain = dict.fromkeys(FIGURES, 1.0)
    return {"kind": "round", "round": number, "layout": layout, **plain, **changes}


def row_of(rounds: list[dict[str, Any]], layout: str) -> dict[str, Any]:
    return next(row for row in layout_rows(rounds) if row["layout"] == layout)


def a_query(**changes: Any) -> dict[str, Any]:
    plain = {"kind": "query", "query": "tier", "route": "GET /pedidos/orders", "index": None}
    return {**plain, "without_index_ms": 2.0, "with_index_ms": None, **changes}


def test_every_price_is_over_a_layout_that_is_measured() -> None:
    names = [layout.name for layout in LAYOUTS]
    assert len(set(names)) == len(names)
    assert {layout.without for layout in LAYOUTS} <= {None, *names}


def test_a_layout_has_its_median_and_its_spread() -> None:
    rounds = [
        a_round(n, BASE.name, inserts_per_second=speed) for n, speed in enumerate((5.0, 9.0, 4.0))
    ]
    row = row_of(rounds, BASE.name)
    assert row["rounds"] == 3
    assert row["inserts_per_second"] == 5.0
    assert (row["inserts_per_second_low"], row["inserts_per_second_high"]) == (4.0, 9.0)


def test_a_price_is_the_median_of_the_differences_within_a_round() -> None:
    rounds = [
        a_round(1, BASE.name, insert_cpu_seconds_per_100k=0.2),
        a_round(1, PRODUCT, insert_cpu_seconds_per_100k=0.3),
        a_round(2, BASE.name, insert_cpu_seconds_per_100k=2.0),
        a_round(2, PRODUCT, insert_cpu_seconds_per_100k=2.1),
    ]
    assert row_of(rounds, PRODUCT)["insert_cpu_seconds_per_100k_more"] == pytest.approx(0.1)


def test_a_layout_has_no_price_where_the_other_one_was_not_measured() -> None:
    rounds = [a_round(1, PRODUCT), a_round(2, BASE.name)]
    assert "insert_cpu_seconds_per_100k_more" not in row_of(rounds, PRODUCT)


def test_the_summary_adds_insert_and_update() -> None:
    rounds = [
        a_round(1, BASE.name),
        a_round(1, PRODUCT, insert_cpu_seconds_per_100k=1.5, update_cpu_seconds_per_100k=1.25),
    ]
    summary = summary_of(list(layout_rows(rounds)))
    assert summary["product_cpu_seconds_per_100k"] == 2.75
    assert summary[f"cpu_seconds_per_100k of {PRODUCT}"] == 0.75


def test_the_tables_have_a_line_for_each_layout_and_query() -> None:
    rounds = [a_round(1, BASE.name), a_round(1, PRODUCT)]
    with_index = a_query(index="cliente", with_index_ms=1.0, build_seconds=2.0)
    queries = [a_query(), {**with_index, "index_bytes_per_order": 20.0}]
    lines = list(markdown([*layout_rows(rounds), *queries, *rounds], 50_000))
    tables = "\n".join(lines).split("\n\n")
    assert [len(table.splitlines()) for table in tables] == [4, 4]
    columns = [{line.count("|") for line in table.splitlines()} for table in tables]
    assert all(len(count) == 1 for count in columns), columns


def test_a_result_that_is_cut_off_has_the_pictures_of_what_it_has() -> None:
    rounds = [a_round(1, BASE.name)]
    settings = {"orders": 1, "rounds": 1, "query_orders": 1}
    empty = Result("layouts", "", "", {}, {}, settings, rows=[])
    assert not list(figures(empty))
    some = Result("layouts", "", "", {}, {}, settings, rows=list(layout_rows(rounds)))
    assert len(list(figures(some))) == 3
