"""Rounds as rows and as the figures of promises."""

from __future__ import annotations

import pytest

from bench.paired.figures import rows_of, spread, summary_of
from bench.paired.report import misses, summary_lines
from tests.unit.bench.paired.rounds import QUANTITY, a_round


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert spread([1.3, 1.1, 1.2, 2.0]) == {"median": 1.25, "min": 1.1, "max": 2.0}


def test_the_ratio_is_taken_in_pairs_and_then_its_median() -> None:
    rounds = [a_round(3.0, 2.0), a_round(12.0, 10.0), a_round(2.2, 2.0)]

    assert summary_of(rounds, 2.0)["ratio"] == {"median": 1.2, "min": 1.1, "max": 1.5}


def test_client_cpu_is_of_services_and_redis_less_the_bare_loops_processes() -> None:
    figures = summary_of([a_round()], 2.0)

    # (0.2 + 0.4 + 0.4 + 0.6 + 0.1) - (0.3 + 0.4) of 200,000 orders; the supervisor is no service.
    assert figures["client_difference_cpu_seconds_per_100k"]["median"] == pytest.approx(0.5)
    assert figures["generator_cpu_seconds_per_100k"]["median"] == pytest.approx(0.4)
    assert figures["mongod_cpu_seconds_per_100k"]["median"] == pytest.approx(1.5)
    assert figures["bare_mongod_cpu_seconds_per_100k"]["median"] == pytest.approx(1.2)
    assert figures["process_peak_mib"] == 95.5


def test_every_promise_that_is_missed_is_named() -> None:
    figures = summary_of([a_round(3.0, 2.0, phase="ERROR")], 40.0)

    missed = list(misses(figures))

    assert len(missed) == 4
    assert "audit" in missed[0]
    assert "1.50, over 1.25" in missed[1]
    assert "0.50, over 0.35" in missed[2]
    assert "Redis took 40 MiB" in missed[3]


def test_nothing_is_missed_where_all_is_as_promised() -> None:
    assert list(misses(summary_of([a_round(2.4, 2.0, worker_cpu=0.1)], 2.0))) == []


def test_the_last_lines_tell_medians_with_their_spread() -> None:
    lines = list(summary_lines(summary_of([a_round(2.4), a_round(2.6)], 2.0), QUANTITY))

    assert lines[0].startswith("200,000 orders, 2 rounds: pipeline 2.50 (2.40 to 2.60) s")
    assert lines[1] == "Ratio of each pair: 1.25 (1.20 to 1.30) (limit 1.25)."


def test_rows_are_flat_and_memory_is_thinned() -> None:
    rows = list(rows_of([a_round(), a_round()]))

    assert all(not isinstance(value, dict | list) for row in rows for value in row.values())
    assert [row["kind"] for row in rows].count("round") == 2
    memory = [row for row in rows if row["kind"] == "memory"]
    assert [(row["round"], row["at_seconds"]) for row in memory] == [(2, 0.0), (2, 0.8)]
