"""Plain arq beside the pipeline: medians, and the factor between them."""

from __future__ import annotations

from typing import Any

from bench.arq.generate import drawn_orders
from bench.arq.rounds import ArqFigures, Tuning
from bench.arq.rows import arq_row, pipeline_row, summary_of
from bench.page.plots import arq as plots
from bench.results import result_of
from bench.running.single_runs import RunFigures
from bench.running.stack import ROLES

TUNING = Tuning(25, 0.01)
DURABLE = Tuning(25, 0.01, "durable")


def piped(*, passed: bool = True) -> dict[str, Any]:
    cpu = dict.fromkeys(ROLES, 1.0)
    runs = [RunFigures(100_000, "DONE", passed, s, 5.0, cpu, {}) for s in (1.0, 2.0, 5.0)]
    return pipeline_row(runs)


def plain(tuning: Tuning, *seconds: float) -> dict[str, Any]:
    return arq_row(tuning, [ArqFigures(2_000, s, 4.0, 1.0) for s in seconds])


def test_a_row_has_the_medians_of_its_rounds() -> None:
    row = plain(TUNING, 4.0, 2.0, 1.0)

    assert row["orders_per_second"] == 1_000
    assert row["client_cpu_seconds_per_100k"] == 200.0
    assert row["max_jobs"] == 25
    assert piped()["client_cpu_seconds_per_100k"] == 4.0


def test_the_factor_is_of_orders_a_second_under_each_write_concern() -> None:
    summary = summary_of([plain(TUNING, 2.0), plain(DURABLE, 4.0), piped()])

    assert summary["factor"] == 50.0
    assert summary["factor_durable"] == 100.0


def test_there_is_no_factor_without_all_sides_or_with_a_failed_audit() -> None:
    assert summary_of([]) == {}
    assert summary_of([plain(TUNING, 2.0), plain(DURABLE, 4.0)]) == {}
    assert summary_of([plain(TUNING, 2.0), plain(DURABLE, 4.0), piped(passed=False)]) == {}


def test_arqs_orders_have_the_fields_of_the_pipelines() -> None:
    orders = drawn_orders(50)

    assert len({order["_id"] for order in orders}) == 50
    assert {order["status"] for order in orders} == {"pendente"}
    assert all((order["priority"] == "VIP") == (order["tier"] == "DIAMANTE") for order in orders)


def test_both_sides_are_drawn() -> None:
    rows = [plain(TUNING, 2.0), plain(DURABLE, 4.0), piped()]
    result = result_of("arq", "command", {}, rows, summary_of(rows), {})

    [(caption, figure)] = list(plots.figures(result))

    assert "50.0 times" in caption
    assert len(figure.axes) == 2
