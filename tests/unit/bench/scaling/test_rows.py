"""Runs become rows, and rows say whether an order's cost stays flat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bench.running.single_runs import RunFigures
from bench.running.stack import ROLES
from bench.running.usage import Sample
from bench.scaling.rows import compared, memory_rows, misses, row_of, scaling_summary


def a_run(quantity: int, seconds: float = 1.0, *, passed: bool = True, **given: Any) -> RunFigures:
    cpu = dict.fromkeys(ROLES, quantity / 100_000) | given.pop("cpu_seconds", {})
    peak = dict.fromkeys(ROLES, 20.0) | given.pop("peak_mib", {})
    return RunFigures(quantity, "DONE", passed, seconds, 5.0, cpu, peak, **given)


def scaled(*runs: RunFigures) -> list[dict[str, Any]]:
    return compared([row_of({"quantity": run.quantity}, [run]) for run in runs])


def verdict(rows: list[dict[str, Any]]) -> Mapping[str, Any]:
    return scaling_summary(rows)


def test_a_row_has_medians_of_costs_and_the_largest_peaks() -> None:
    runs = [
        a_run(200_000, seconds, cpu_seconds={"worker": cpu}, peak_mib={"worker": peak})
        for seconds, cpu, peak in ((2.0, 4.0, 70.0), (9.0, 2.0, 90.0), (4.0, 3.0, 80.0))
    ]

    row = row_of({"workers": 2}, runs)

    assert row["runs"] == 3
    assert row["ended"] == "DONE, audit passed"
    assert (row["seconds"], row["seconds_min"], row["seconds_max"]) == (4.0, 2.0, 9.0)
    assert row["orders_per_second"] == 50_000
    assert row["worker_cpu_seconds_per_100k"] == 1.5
    assert row["cpu_seconds_per_100k"] == 5.5
    assert row["worker_peak_mib"] == 90.0


def test_a_run_that_failed_gives_no_figures_and_is_said() -> None:
    broken = RunFigures(10, "RuntimeError: no server")
    row = row_of({"quantity": 10}, [broken, a_run(10, passed=False)])

    assert row == {
        "quantity": 10,
        "runs": 2,
        "ended": "DONE, AUDIT FAILED; RuntimeError: no server",
    }
    assert scaling_summary([row]) == {}
    assert misses([row], {}) == ["quantity 10: DONE, AUDIT FAILED; RuntimeError: no server"]


def test_one_failed_run_among_good_ones_is_said_beside_their_figures() -> None:
    row = row_of({"quantity": 10}, [a_run(10, 2.0), RunFigures(10, "ERROR")])

    assert row["seconds"] == 2.0
    assert row["ended"] == "ERROR"


@pytest.mark.parametrize(("seconds", "flat"), [(109.0, True), (111.0, False)])
def test_seconds_an_order_may_rise_by_a_tenth(seconds: float, flat: bool) -> None:
    rows = scaled(a_run(1_000_000, 10.0), a_run(10_000_000, seconds))

    assert rows[1]["seconds_relative"] == pytest.approx(seconds / 100)
    assert verdict(rows)["largest_cost_is_flat"] is flat
    assert len(misses(rows, verdict(rows))) == (0 if flat else 1)


def test_cpu_an_order_counts_as_seconds_do() -> None:
    rows = scaled(a_run(1_000_000, 10.0), a_run(10_000_000, 100.0, cpu_seconds={"mongod": 200.0}))

    assert rows[1]["cpu_relative"] == 1.2
    assert not verdict(rows)["largest_cost_is_flat"]


def test_what_small_runs_cost_is_told_and_not_judged() -> None:
    rows = scaled(a_run(10_000, 1.0), a_run(1_000_000, 10.0))

    assert rows[0]["cost_is_flat"] is False
    assert misses(rows, verdict(rows)) == []


def test_without_the_base_nothing_is_compared() -> None:
    rows = scaled(a_run(10_000), a_run(20_000))

    assert "cost_is_flat" not in rows[1]
    assert "largest_cost_is_flat" not in verdict(rows)


def test_peaks_have_limits() -> None:
    rows = scaled(a_run(1_000_000, peak_mib={"worker": 201.0, "mongod": 900.0, "redis": 33.0}))

    assert [line.split()[0] for line in misses(rows, verdict(rows))] == ["python", "redis"]


def test_a_system_that_tells_no_peaks_is_no_failure() -> None:
    rows = scaled(a_run(1_000_000, peak_mib=dict.fromkeys(ROLES)))

    assert rows[0]["worker_peak_mib"] is None
    assert verdict(rows)["python_peak_mib"] == 0.0


def test_memory_is_the_largest_process_of_each_role_in_few_rows() -> None:
    samples = tuple(
        Sample(n / 5, "vip", {}, {"worker 0": 60.0 + n, "worker 1": 50.0, "redis": 7.0})
        for n in range(200)
    )

    rows = memory_rows([a_run(1_000_000, samples=samples)])

    assert 40 <= len(rows) <= 80
    assert rows[-1]["worker_mib"] == 259.0
    assert rows[-1]["at_seconds"] == samples[-1].at_seconds
    assert rows[0]["mongod_mib"] is None


def test_a_row_says_how_much_of_the_machine_others_had() -> None:
    samples = (Sample(0.0, "vip", {}, {}, 5.0), Sample(1_000.0, "vip", {}, {}, 5.0))

    assert row_of({}, [a_run(10, samples=samples)])["others_percent"] == 0.0
    assert row_of({}, [a_run(10)])["others_percent"] is None
