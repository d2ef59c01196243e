"""`make bench-scaling` takes what varies in turns, and keeps what it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.results import load
from bench.running.single_runs import RunFigures, RunPlan, do_nothing
from bench.running.stack import ROLES
from bench.scaling import __main__ as scaling

VERSIONS = {"mongod": "6.0.5"}


def figures(plan: RunPlan) -> RunFigures:
    values = dict.fromkeys(ROLES, 1.0)
    return RunFigures(plan.quantity, "DONE", True, plan.quantity / 50_000, 5.0, values, values)


class Bench:
    """Takes no run; keeps what it was asked for, and where memory was to be in use."""

    def __init__(self) -> None:
        self.plans: list[RunPlan] = []
        self.in_used_memory: list[RunPlan] = []

    def run_alone(
        self, plan: RunPlan, just_before: Callable[[], object]
    ) -> tuple[RunFigures, Mapping[str, str]]:
        self.plans.append(plan)
        if just_before is not do_nothing:
            self.in_used_memory.append(plan)
        return figures(plan), VERSIONS


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[RunPlan]:
    taking = Bench()
    monkeypatch.setattr(scaling, "run_alone", taking.run_alone)
    return taking.plans


def bench(folder: Path, *arguments: str) -> int:
    return scaling.main([*arguments, "--results", str(folder)])


def test_sizes_are_taken_in_turns_and_large_ones_once(taken: list[RunPlan], tmp_path: Path) -> None:
    sizes = ["3000000", "1000000"]
    assert bench(tmp_path, "--parts", "scaling", "--quantities", *sizes, "--rounds", "2") == 0

    assert [plan.quantity for plan in taken] == [1_000_000, 3_000_000, 1_000_000]
    result = load("scaling", tmp_path)
    assert result is not None
    assert [row["runs"] for row in result.rows] == [2, 1]
    assert result.versions["mongod"] == "6.0.5"
    assert "--parts scaling" in result.command


def test_memory_is_in_use_where_sizes_are_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taking = Bench()
    monkeypatch.setattr(scaling, "run_alone", taking.run_alone)
    bench(tmp_path, "--quantities", "10000", "--rounds", "1")

    assert taking.in_used_memory == [plan for plan in taking.plans if plan.quantity == 10_000]
    assert len(taking.in_used_memory) == 5


def test_a_larger_run_is_let_in_by_the_stack() -> None:
    assert RunPlan(10_000_000).settings()["MAX_ORDERS"] == "10000000"
    assert RunPlan(10, environment={"MAX_ORDERS": "7"}).settings()["MAX_ORDERS"] == "7"


def test_every_part_has_a_file_of_its_own(taken: list[RunPlan], tmp_path: Path) -> None:
    assert bench(tmp_path, "--quantities", "10000", "--rounds", "1") == 0

    sections = {"scaling", "batch_sizes", "workers", "one_job_an_order"}
    assert {path.stem for path in tmp_path.glob("*.json")} == sections
    assert {plan.environment.get("ORDERS_BATCH_SIZE") for plan in taken} >= {"1", "10000", None}
    assert {(plan.generators, plan.workers) for plan in taken} >= {(2, 1), (2, 4), (1, 2)}


def test_an_interrupted_bench_keeps_what_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run_alone(plan: RunPlan, _: object) -> tuple[RunFigures, Mapping[str, str]]:
        if plan.quantity > 10_000:
            raise KeyboardInterrupt
        return figures(plan), VERSIONS

    monkeypatch.setattr(scaling, "run_alone", run_alone)
    with pytest.raises(KeyboardInterrupt):
        bench(tmp_path, "--parts", "scaling", "--quantities", "10000", "20000")

    result = load("scaling", tmp_path)
    assert result is not None
    assert [row["quantity"] for row in result.rows] == [10_000]


def test_a_bench_whose_runs_all_fail_says_so_and_leaves_the_earlier_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scaling.json").write_text("earlier")
    broken = RunFigures(10_000, "RuntimeError: mongod ended")
    monkeypatch.setattr(scaling, "run_alone", lambda *_: (broken, {}))

    assert bench(tmp_path, "--parts", "scaling", "--quantities", "10000") == 1

    assert (tmp_path / "scaling.json").read_text() == "earlier"
    assert "MISSED: quantity 10000: RuntimeError: mongod ended" in capsys.readouterr().out
