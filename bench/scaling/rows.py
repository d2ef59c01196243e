"""Runs of the same plan as one flat row, and what rows say about how cost grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import psutil

from bench.promises import FLAT_WITHIN, PROCESS_PEAK_MIB, REDIS_PEAK_MIB
from bench.running.single_runs import WELL, RunFigures
from bench.running.stack import ROLES, SERVICES, role_of
from bench.running.usage import Sample, others_percent

BASE_QUANTITY = 1_000_000
MOST_SAMPLES = 80

Row = Mapping[str, Any]


def row_of(labels: Row, runs: Sequence[RunFigures]) -> dict[str, Any]:
    """Medians of times and costs, largest peaks; only the runs that ended well give figures."""
    row = {**labels, "runs": len(runs), "ended": _ended(runs)}
    well = [run for run in runs if run.well]
    return {**row, **_costs(well), **_peaks(well)} if well else row


def _ended(runs: Sequence[RunFigures]) -> str:
    """`WELL` where that is so of every run, else what went wrong."""
    problems = {
        run.ended if run.ended != "DONE" else "DONE, AUDIT FAILED" for run in runs if not run.well
    }
    return "; ".join(sorted(problems)) or WELL


def _costs(runs: Sequence[RunFigures]) -> dict[str, Any]:
    quantity = runs[0].quantity
    seconds = [run.seconds for run in runs]
    costs = {role: round(median(run.per_100k(role) for run in runs), 3) for role in ROLES}
    return {
        "seconds": round(median(seconds), 3),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "orders_per_second": round(quantity / median(seconds)),
        "seconds_per_100k": round(median(seconds) * 100_000 / quantity, 3),
        "cpu_seconds_per_100k": round(median(run.per_100k(*ROLES) for run in runs), 3),
        **{f"{role}_cpu_seconds_per_100k": cost for role, cost in costs.items()},
        "status_p99_ms": median(run.status_p99_ms for run in runs),
        "others_percent": _others(runs),
    }


def _others(runs: Sequence[RunFigures]) -> float | None:
    """How much of the machine others had meanwhile: the noise that the figures stand in."""
    shares = [others_percent(run.samples, psutil.cpu_count() or 1) for run in runs]
    known = [share for share in shares if share is not None]
    return round(median(known), 1) if known else None


def _peaks(runs: Sequence[RunFigures]) -> dict[str, Any]:
    """None for what this system does not tell."""
    peaks = {role: [run.peak_mib.get(role) for run in runs] for role in ROLES}
    return {
        f"{role}_peak_mib": max((peak for peak in seen if peak is not None), default=None)
        for role, seen in peaks.items()
    }


def compared(rows: Sequence[Row], base_quantity: int = BASE_QUANTITY) -> list[dict[str, Any]]:
    """The rows with their costs of an order relative to those of the base quantity's row.

    `cost_is_flat` says of a quantity that neither its seconds nor its CPU seconds an order are more
    than a tenth above the base's. Nothing is added where the base was not measured.
    """
    base = next(
        (row for row in rows if row["quantity"] == base_quantity and "seconds" in row), None
    )
    if base is None:
        return [dict(row) for row in rows]
    return [_beside(row, base) if "seconds" in row else dict(row) for row in rows]


def _beside(row: Row, base: Row) -> dict[str, Any]:
    seconds = row["seconds_per_100k"] / base["seconds_per_100k"]
    cpu = row["cpu_seconds_per_100k"] / base["cpu_seconds_per_100k"]
    return {
        **row,
        "seconds_relative": round(seconds, 3),
        "cpu_relative": round(cpu, 3),
        "cost_is_flat": max(seconds, cpu) <= FLAT_WITHIN,
    }


def scaling_summary(rows: Sequence[Row]) -> dict[str, Any]:
    """What the promise is about: the largest quantity beside the base, and the largest peaks."""
    measured = [row for row in rows if "seconds" in row]
    if not measured:
        return {}
    largest = max(measured, key=lambda row: int(row["quantity"]))
    keys = ("seconds_relative", "cpu_relative", "cost_is_flat")
    return {
        "base_quantity": BASE_QUANTITY,
        "largest_quantity": largest["quantity"],
        **{f"largest_{key}": largest[key] for key in keys if key in largest},
        "python_peak_mib": max(_python_peak(row) for row in measured),
        "largest_python_peak_mib": _python_peak(largest),
        "redis_peak_mib": max(row["redis_peak_mib"] or 0.0 for row in measured),
    }


def _python_peak(row: Row) -> float:
    return max(float(row[f"{role}_peak_mib"] or 0.0) for role in SERVICES)


def misses(rows: Sequence[Row], summary: Row) -> list[str]:
    """What is not as it is promised (SPEC N-3); runs that did not end well are said first."""
    missed = [f"{_name(row)}: {row['ended']}" for row in rows if row["ended"] != WELL]
    if summary.get("largest_cost_is_flat") is False:
        missed.append(
            f"an order of {summary['largest_quantity']:,} costs "
            f"{summary['largest_seconds_relative']} times the seconds and "
            f"{summary['largest_cpu_relative']} times the CPU seconds of one of "
            f"{BASE_QUANTITY:,}; at most {FLAT_WITHIN:.2f} is promised"
        )
    for what, limit in (("python", PROCESS_PEAK_MIB), ("redis", REDIS_PEAK_MIB)):
        peak = summary.get(f"{what}_peak_mib", 0.0)
        if peak > limit:
            missed.append(f"{what} took {peak} MiB at its peak; at most {limit:.0f} is promised")
    return missed


def _name(row: Row) -> str:
    return ", ".join(f"{key} {row[key]}" for key in list(row)[: list(row).index("runs")])


def memory_rows(runs: Sequence[RunFigures]) -> list[dict[str, Any]]:
    """Resident MiB of each role's largest process at moments of each run; few enough to be kept."""
    return [
        {
            "quantity": run.quantity,
            "at_seconds": group[-1].at_seconds,
            **{f"{role}_mib": _largest(role, group) for role in ROLES},
        }
        for run in runs
        for group in _grouped(run.samples, MOST_SAMPLES)
    ]


def _grouped(samples: Sequence[Sample], most: int) -> list[Sequence[Sample]]:
    size = max(1, -(-len(samples) // most))
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def _largest(role: str, group: Sequence[Sample]) -> float | None:
    seen = (
        mib
        for sample in group
        for name, mib in sample.resident_mib.items()
        if role_of(name) == role
    )
    return max(seen, default=None)
