"""Plots of sections whose rows are runs: a row without figures is left out."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from bench.results import result_of
from bench.running.single_runs import RunFigures
from bench.running.stack import ROLES
from bench.running.usage import Sample
from bench.scaling.rows import compared, memory_rows, row_of

CPU = dict.fromkeys(ROLES, 1.0)
LABELS = {"orders_batch_size": 1, "generators": 2, "workers": 2}
SAMPLES = (Sample(0.0, "vip", {}, {"worker 0": 60.0}), Sample(1.0, "vip", {}, {"worker 0": 61.0}))
BROKEN = RunFigures(10, "ERROR")


def a_run(quantity: int) -> RunFigures:
    peak: dict[str, float | None] = {**CPU, "mongod": None}
    return RunFigures(quantity, "DONE", True, 2.0, 5.0, CPU, peak, SAMPLES)


def drawn(section: str, rows: list[dict[str, Any]]) -> list[str]:
    module = importlib.import_module(f"bench.page.plots.{section}")
    result = result_of(section, "command", {}, rows, {}, {})
    return [caption for caption, figure in module.figures(result) if figure.axes]


@pytest.mark.parametrize(
    ("section", "plots"),
    [("scaling", 3), ("batch_sizes", 1), ("workers", 1), ("one_job_an_order", 1)],
)
def test_rows_with_figures_are_drawn(section: str, plots: int) -> None:
    good = [row_of({**LABELS, "quantity": n}, [a_run(n)]) for n in (10_000, 1_000_000)]
    broken = row_of({**LABELS, "quantity": 10}, [BROKEN])

    assert len(drawn(section, compared([broken, *good]))) == plots
    assert drawn(section, [broken]) == []


def test_memory_has_a_plot_for_each_size() -> None:
    captions = drawn("memory_over_time", memory_rows([a_run(1_000_000), a_run(5_000_000)]))

    assert [caption.split()[-2] for caption in captions] == ["1,000,000", "5,000,000"]
