"""Rounds of the pipeline and the bare loop in turns, as rows and as the few figures that matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import psutil

from bench.paired.rounds import BareResult, PipelineResult
from bench.running.stack import ROLES, role_of
from bench.running.usage import others_percent

MEMORY_STEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Round:
    """The pipeline and the bare loop, one right after the other."""

    quantity: int
    pipeline: PipelineResult
    bare: BareResult
    bare_first: bool = False

    @property
    def ratio(self) -> float:
        """How many times longer the pipeline took, seen from outside."""
        return self.pipeline.outside_seconds / self.bare.times.total_seconds

    def per_100k(self, seconds: float) -> float:
        """Of this many CPU seconds, what 100,000 orders took."""
        return round(seconds * 100_000 / self.quantity, 4)

    @property
    def client_difference(self) -> float:
        """CPU seconds per 100,000 orders of generators, workers, orchestrator and Redis together,
        less those of the bare loop's processes.
        """
        return self.per_100k(self.pipeline.client_cpu_seconds - self.bare_client_seconds)

    @property
    def others_percent(self) -> float | None:
        """How much of the machine others had while the pipeline ran."""
        return others_percent(self.pipeline.samples, psutil.cpu_count() or 1)

    @property
    def bare_client_seconds(self) -> float:
        """CPU seconds of the bare loop's own processes."""
        return sum(one.cpu_seconds for one in self.bare.times.processes)

    def role_seconds(self, role: str) -> float:
        """CPU seconds of all the pipeline's processes of a role."""
        if role == "mongod":
            return self.pipeline.mongod_cpu_seconds
        if role == "redis":
            return self.pipeline.redis_cpu_seconds
        used = (one for one in self.pipeline.processes if role_of(one.name) == role)
        return sum(one.cpu_seconds for one in used)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and largest of what the rounds gave."""
    return {
        "median": round(median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def _role_per_100k(role: str, one: Round) -> float:
    return one.per_100k(one.role_seconds(role))


def summary_of(rounds: Sequence[Round], redis_peak_mib: float) -> dict[str, Any]:
    """What promises and comparisons are about; a spread wherever each round has a value."""
    each: dict[str, Callable[[Round], float | None]] = {
        "ratio": lambda one: one.ratio,
        "client_difference_cpu_seconds_per_100k": lambda one: one.client_difference,
        **{f"{role}_cpu_seconds_per_100k": partial(_role_per_100k, role) for role in ROLES},
        "bare_client_cpu_seconds_per_100k": lambda one: one.per_100k(one.bare_client_seconds),
        "bare_mongod_cpu_seconds_per_100k": lambda one: one.per_100k(one.bare.mongod_cpu_seconds),
        "pipeline_seconds": lambda one: one.pipeline.outside_seconds,
        "bare_seconds": lambda one: one.bare.times.total_seconds,
        "status_p99_ms": lambda one: one.pipeline.status_p99_ms,
        "barrier_ms": lambda one: one.pipeline.facts.barrier_ms,
        "first_order_ms": lambda one: one.pipeline.facts.first_order_ms,
        "others_percent": lambda one: one.others_percent,
        "loop_lag_p99_ms": lambda one: max(one.pipeline.loop_lags_ms.values(), default=None),
    }
    figures: dict[str, Any] = {}
    for name, of in each.items():
        values = [value for one in rounds if (value := of(one)) is not None]
        if values:
            figures[name] = spread(values)
    peaks = (use.peak_mib or 0.0 for one in rounds for use in one.pipeline.processes)
    figures["process_peak_mib"] = max(peaks)
    figures["redis_peak_mib"] = redis_peak_mib
    figures["rounds"] = len(rounds)
    figures["all_ended_well"] = all(one.pipeline.well for one in rounds)
    return figures


def rows_of(rounds: Sequence[Round]) -> Iterator[dict[str, Any]]:
    """Kinds of rows: `round`, `process`, `cpu` (a stage of a process), `memory` (last round)."""
    for number, one in enumerate(rounds, start=1):
        yield {"kind": "round", "round": number, **_round_row(one)}
    for number, one in enumerate(rounds, start=1):
        yield from ({"kind": "process", "round": number, **row} for row in _process_rows(one))
    for number, one in enumerate(rounds, start=1):
        for loop, stages in _loops(one).items():
            yield from ({"kind": "cpu", "round": number, "loop": loop, **row} for row in stages)
    if rounds:
        yield from _memory_rows(len(rounds), rounds[-1])


def _round_row(one: Round) -> dict[str, Any]:
    piped, bare = one.pipeline, one.bare.times
    return {
        "first": "bare loop" if one.bare_first else "pipeline",
        "ended": piped.phase,
        "audit_passed": piped.audit_passed,
        "pipeline_seconds": piped.outside_seconds,
        "own_clock_seconds": piped.server_seconds,
        "bare_seconds": round(bare.total_seconds, 3),
        "bare_insert_seconds": round(bare.insert_seconds, 3),
        "bare_vip_seconds": round(bare.vip_seconds, 3),
        "bare_normal_seconds": round(bare.normal_seconds, 3),
        "ratio": round(one.ratio, 3),
        "client_difference_cpu_seconds_per_100k": one.client_difference,
        "status_p99_ms": piped.status_p99_ms,
        "barrier_ms": piped.facts.barrier_ms,
        "first_order_ms": piped.facts.first_order_ms,
        "others_percent": one.others_percent,
        **{f"{phase.lower()}_seconds": seconds for phase, seconds in piped.phases.items()},
    }


def _process_rows(one: Round) -> Iterator[dict[str, Any]]:
    piped = one.pipeline
    for use in (*piped.processes, *one.bare.times.processes):
        yield {
            "process": use.name,
            "peak_mib": use.peak_mib,
            "cpu_seconds_per_100k": one.per_100k(use.cpu_seconds),
            "loop_lag_p99_ms": piped.loop_lags_ms.get(use.name),
        }


def _loops(one: Round) -> Mapping[str, Iterator[dict[str, Any]]]:
    return {
        "pipeline": _stage_rows(one, one.pipeline.stage_cpu),
        "bare loop": _stage_rows(one, one.bare.times.stage_cpu),
    }


def _stage_rows(one: Round, stages: Mapping[str, Mapping[str, float]]) -> Iterator[dict[str, Any]]:
    for stage, used in stages.items():
        for name, seconds in sorted(used.items()):
            yield {
                "stage": stage,
                "process": name,
                "cpu_seconds_per_100k": one.per_100k(seconds),
            }


def _memory_rows(number: int, one: Round) -> Iterator[dict[str, Any]]:
    due = 0.0
    for sample in one.pipeline.samples:
        if sample.at_seconds < due:
            continue
        due = sample.at_seconds + MEMORY_STEP_SECONDS
        for name, mib in sample.resident_mib.items():
            yield {
                "kind": "memory",
                "round": number,
                "at_seconds": sample.at_seconds,
                "process": name,
                "resident_mib": mib,
            }
