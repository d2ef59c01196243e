"""What `make bench-scaling` varies, section by section."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.running.single_runs import WARM_UP, RunPlan
from bench.scaling.rows import compared, scaling_summary

QUANTITIES = (10_000, 100_000, 1_000_000, 5_000_000, 10_000_000)
BATCH_SIZES = (100, 300, 1_000, 3_000, 10_000)
# Generators and workers.
PROCESSES = ((2, 1), (2, 2), (2, 4), (1, 2))
SMALL_RUNS = 5
# Where each order is a job, the usual number of orders would warm up for longer than the run is.
WARM_UP_JOBS = 1_000

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """One plan that is run so many times; `labels` say what is varied."""

    labels: Mapping[str, Any]
    plan: RunPlan
    runs: int

    def told(self) -> str:
        """The labels in words."""
        return ", ".join(f"{name} {value:,}" for name, value in self.labels.items())


@dataclass(frozen=True, slots=True)
class Part:
    """The points of one section, and what is made of their rows.

    `in_used_memory` is of runs so large that the machine's memory counts (`used_memory`).
    """

    section: str
    title: str
    points: Sequence[Point]
    finish: Callable[[Rows], tuple[Rows, Mapping[str, Any]]]
    in_used_memory: bool = False


def _scaling(options: argparse.Namespace) -> Part:
    points = [
        Point({"quantity": quantity}, RunPlan(quantity, options.seed), _runs_of(quantity, options))
        for quantity in sorted(options.quantities)
    ]
    return Part("scaling", "Scaling", points, _with_costs_compared, in_used_memory=True)


def _runs_of(quantity: int, options: argparse.Namespace) -> int:
    """Small runs are short and noisy; the largest are long enough to be taken once."""
    rounds: int = options.large_rounds if quantity > 1_000_000 else options.rounds
    return max(SMALL_RUNS, rounds) if quantity <= 100_000 else rounds


def _with_costs_compared(rows: Rows) -> tuple[Rows, Mapping[str, Any]]:
    rows = compared(rows)
    return rows, scaling_summary(rows)


def _batch_sizes(options: argparse.Namespace) -> Part:
    points = [_batches(size, options.quantity, options) for size in BATCH_SIZES]
    return Part("batch_sizes", "Orders a job", points, _with_best("orders_batch_size"))


def _batches(size: int, quantity: int, options: argparse.Namespace) -> Point:
    labels = {"orders_batch_size": size, "quantity": quantity}
    environment = {"ORDERS_BATCH_SIZE": str(size)}
    warm_up = min(WARM_UP, size * WARM_UP_JOBS)
    plan = RunPlan(quantity, options.seed, environment=environment, warm_up=warm_up)
    return Point(labels, plan, options.rounds)


def _workers(options: argparse.Namespace) -> Part:
    quantity, seed = options.quantity, options.seed
    points = [
        Point(
            {"generators": generators, "workers": workers, "quantity": quantity},
            RunPlan(quantity, seed, generators, workers),
            options.rounds,
        )
        for generators, workers in PROCESSES
    ]
    return Part("workers", "Numbers of processes", points, _with_best("generators", "workers"))


def _one_job(options: argparse.Namespace) -> Part:
    points = [_batches(size, options.single_quantity, options) for size in (1, 1_000)]
    return Part("one_job_an_order", "One job an order", points, _with_best("orders_batch_size"))


def _with_best(*names: str) -> Callable[[Rows], tuple[Rows, Mapping[str, Any]]]:
    """The fastest row's labels and speed are the summary."""

    def finish(rows: Rows) -> tuple[Rows, Mapping[str, Any]]:
        measured = [row for row in rows if "seconds" in row]
        if not measured:
            return rows, {}
        best = min(measured, key=lambda row: float(row["seconds"]))
        said = {f"fastest_{name}": best[name] for name in names}
        return rows, {**said, "fastest_orders_per_second": best["orders_per_second"]}

    return finish


PARTS: Mapping[str, Callable[[argparse.Namespace], Part]] = {
    "scaling": _scaling,
    "batch-sizes": _batch_sizes,
    "workers": _workers,
    "one-job": _one_job,
}
