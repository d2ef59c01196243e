"""Percentiles, and what is promised of them."""

from __future__ import annotations

from typing import Any

import pytest

from bench.latency.figures import latency_rows, misses, percentile, spread, summary_of
from bench.page.plots.latency import figures
from bench.results import Result

HUNDRED = [float(n) for n in range(100, 0, -1)]


def a_run(orders: int, **changes: Any) -> dict[str, Any]:
    plain = {"barrier_ms": 100.0, "first_processed_ms": 300.0, "first_chunk_started_ms": 90.0}
    return {"kind": "run", "orders": orders, "status_p99_ms": 5.0, **plain, **changes}


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile(HUNDRED, percent) == value


def test_of_few_values_the_highest_percentiles_are_the_largest() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_where_nothing_was_measured_nothing_is_said() -> None:
    assert spread([]) == {"samples": 0}
    assert [row["kind"] for row in latency_rows("pickup", [])] == ["latency"]


def test_the_summary_has_each_latency_and_the_medians_of_runs() -> None:
    runs = [a_run(1_000_000, barrier_ms=ms) for ms in (90.0, 400.0, 110.0)]
    idle = [{"kind": "idle", "process": name, "cpu_percent": 1.5} for name in ("a", "b")]
    summary = summary_of([*idle, *latency_rows("pickup, orders", HUNDRED), *runs])
    assert summary["all processes at rest, % of a core"] == 3.0
    assert summary["pickup, orders p99_ms"] == 99.0
    assert summary["1000000 orders barrier_ms"] == 110.0


def test_a_run_without_a_barrier_has_no_price_of_it() -> None:
    assert "1 orders barrier_ms" not in summary_of([a_run(1, barrier_ms=None)])


def test_what_is_over_its_promise_is_named() -> None:
    assert not list(misses({"pickup, orders p99_ms": 50.0, "status at rest p99_ms": 10.0}))
    summary = {
        "pickup, orders p50_ms": 51.0,
        "pickup, orders p99_ms": 51.0,
        "status at rest p99_ms": 11.0,
        "1000000 orders status p99_ms": 11.0,
        "1000000 orders barrier_ms": 251.0,
        "100000 orders barrier_ms": 251.0,
        "one order, POST to DONE p99_ms": 400.0,
    }
    named = [line.partition(" is ")[0] for line in misses(summary)]
    assert named == list(summary)[1:5]


def test_there_is_a_picture_for_each_part() -> None:
    rows = [
        *latency_rows("pickup, orders", HUNDRED),
        *latency_rows("status at rest", HUNDRED),
        *latency_rows("one order, POST to DONE", HUNDRED),
        a_run(100_000),
        a_run(1_000_000, barrier_ms=None),
    ]
    result = Result("latency", "", "", {}, {}, {}, rows)
    assert len(list(figures(result))) == 4
