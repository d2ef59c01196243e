"""What the simulation says beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.capacity.simulation.costs import BATCH_ORDERS, PER_100K, ROLES, Costs
from bench.capacity.simulation.pipeline import simulate
from bench.capacity.simulation.setup import Outcome, Setup
from bench.results import Result

SECTIONS = ("scaling", "batch_sizes", "workers", "one_job_an_order")
# A job for each order is some ten events: more would take minutes and say nothing new.
MOST_JOBS = 100_000


def measured_points(results: Iterable[Result]) -> Iterator[tuple[str, Setup, Mapping[str, Any]]]:
    """Each row of the measured sections that has seconds, as what would be simulated."""
    for result in results:
        for row in result.rows:
            setup = _setup(row, float(result.machine["cores"]))
            if row.get("seconds") and setup.quantity / setup.batch_size <= MOST_JOBS:
                yield result.section, setup, row


def _setup(row: Mapping[str, Any], cores: float) -> Setup:
    return Setup(
        quantity=int(row["quantity"]),
        workers=int(row.get("workers", 2)),
        generators=int(row.get("generators", 2)),
        batch_size=int(row.get("orders_batch_size", row.get("batch_size", BATCH_ORDERS))),
        cores=cores,
    )


def check_rows(
    results: Iterable[Result], costs: Costs, bound_percent: float
) -> Iterator[dict[str, Any]]:
    """Predicted and measured seconds of each point; an error above zero predicts too long."""
    for section, setup, row in measured_points(results):
        yield check_row(section, setup, row, simulate(setup, costs), bound_percent)


def check_row(
    section: str,
    setup: Setup,
    row: Mapping[str, Any],
    outcome: Outcome,
    bound_percent: float,
) -> dict[str, Any]:
    """One point, flat. `within` is whether the error in seconds is at most the bound."""
    error = _error_percent(outcome.seconds, float(row["seconds"]))
    cpu = sum(outcome.cpu_seconds[role] for role in ROLES) * PER_100K / setup.quantity
    measured_cpu = row.get("cpu_seconds_per_100k")
    return {
        "kind": "check",
        "part": section,
        "quantity": setup.quantity,
        "generators": setup.generators,
        "workers": setup.workers,
        "orders_batch_size": setup.batch_size,
        "measured_seconds": float(row["seconds"]),
        "predicted_seconds": round(outcome.seconds, 2),
        "error_percent": round(error, 1),
        "cpu_error_percent": round(_error_percent(cpu, float(measured_cpu)), 1)
        if measured_cpu
        else None,
        "within": abs(error) <= bound_percent,
    }


def _error_percent(predicted: float, measured: float) -> float:
    return (predicted / measured - 1) * 100
