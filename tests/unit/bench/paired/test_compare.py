"""When a figure of a result is worse than the former one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.paired import compare
from bench.paired.compare import Comparison, compared, differences
from bench.results import Result, result_of, save


def figure(middle: float, least: float, most: float) -> dict[str, float]:
    return {"median": middle, "min": least, "max": most}


def a_result(**summary: Any) -> Result:
    return result_of("pipeline", "a command", {"quantity": 10}, [], summary, {"mongod": "6"})


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (figure(1.2, 1.1, 1.3), figure(1.5, 1.4, 1.6), "worse"),
        (figure(1.5, 1.4, 1.6), figure(1.2, 1.1, 1.3), "better"),
        # Inside the former's spread, or the former inside of ours: noise may have done that.
        (figure(1.2, 1.1, 1.6), figure(1.5, 1.4, 1.6), "same"),
        (figure(1.2, 1.1, 1.3), figure(1.5, 1.1, 1.9), "same"),
        # One round each has no spread, but less than a tick of the kernel's is no difference.
        (figure(0.2, 0.2, 0.2), figure(0.204, 0.204, 0.204), "same"),
    ],
)
def test_a_figure_is_worse_where_each_median_is_outside_of_the_others_spread(
    before: dict[str, float], now: dict[str, float], verdict: str
) -> None:
    assert Comparison("ratio", before, now, judged=True).verdict == verdict


def test_the_ratio_and_our_cpu_are_judged_the_machines_speed_is_not() -> None:
    names = (
        "ratio",
        "worker_cpu_seconds_per_100k",
        "bare_mongod_cpu_seconds_per_100k",
        "pipeline_seconds",
    )
    result = a_result(**{name: figure(1, 1, 1) for name in names}, process_peak_mib=90.0)

    assert [one.judged for one in compared(result, result)] == [True, True, False, False]


def test_what_makes_the_comparison_doubtful_is_told() -> None:
    before = a_result(rounds=6)
    now = replace(a_result(rounds=2), settings={"quantity": 20}, machine={**before.machine})

    assert list(differences(before, now)) == [
        "the present result has 2 rounds, whose spread says little",
        "settings: quantity was 10, is 20",
    ]


@pytest.mark.parametrize(("now", "status"), [(1.5, 1), (1.2, 0), (0.9, 0)])
def test_the_command_ends_with_1_where_something_is_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: float, status: int
) -> None:
    before = a_result(ratio=figure(1.2, 1.2, 1.2))
    monkeypatch.setattr(compare, "committed", lambda section, revision: before)
    path = save(a_result(ratio=figure(now, now, now)), tmp_path)

    assert compare.main([str(path)]) == status


def test_without_a_result_there_is_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([str(tmp_path / "pipeline.json")]) == 2
    assert "make bench" in capsys.readouterr().out


def test_a_result_that_git_does_not_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="git has no such result"):
        compare.committed("never-measured", "HEAD")
