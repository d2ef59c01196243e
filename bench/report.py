"""What the rounds say, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from bench.rounds import BareResult, PipelineResult

STATUS_P99_MS = 20.0
PROCESS_PEAK_MIB = 300.0
REDIS_PEAK_MIB = 64.0


@dataclass(frozen=True, slots=True)
class Round:
    """The pipeline and the bare loop, one after the other."""

    pipeline: PipelineResult
    bare: BareResult

    @property
    def ratio(self) -> float:
        """How many times longer the pipeline took, seen from outside."""
        return self.pipeline.outside_seconds / self.bare.times.total_seconds

    @property
    def cpu_seconds(self) -> tuple[float, float]:
        """Processor time of the pipeline and of the bare loop, MongoDB's with it."""
        piped = sum(one.cpu_seconds for one in self.pipeline.processes)
        bare = sum(one.cpu_seconds for one in self.bare.times.processes)
        return piped + self.pipeline.mongod_cpu_seconds, bare + self.bare.mongod_cpu_seconds

    def to_json(self) -> dict[str, Any]:
        """All figures of the round."""
        bare = {**asdict(self.bare), "total_seconds": self.bare.times.total_seconds}
        return {"pipeline": asdict(self.pipeline), "bare": bare, "ratio": round(self.ratio, 3)}


def tables(rounds: Sequence[Round], redis_peak_mib: float) -> Iterator[Table]:
    """Times of all rounds, then what the processes of the last one used."""
    yield _times(rounds)
    yield _phases(rounds)
    yield _use(rounds[-1], redis_peak_mib)


def summary(rounds: Sequence[Round], quantity: int) -> str:
    """The one line that matters."""
    ratio = median(one.ratio for one in rounds)
    seconds = median(one.pipeline.outside_seconds for one in rounds)
    bare = median(one.bare.times.total_seconds for one in rounds)
    cpu = [median(one.cpu_seconds[which] for one in rounds) for which in (0, 1)]
    wrong = "" if all(one.pipeline.well for one in rounds) else " A RUN DID NOT END WELL."
    return (
        f"{quantity:,} orders: pipeline {seconds:.2f} s, bare loop {bare:.2f} s, "
        f"ratio {ratio:.2f}; processor time {cpu[0]:.1f} s and {cpu[1]:.1f} s, "
        f"ratio {cpu[0] / cpu[1]:.2f} (medians of {len(rounds)} rounds).{wrong}"
    )


def misses(rounds: Sequence[Round], redis_peak_mib: float, limit: float) -> Iterator[str]:
    """What is not as it is promised (SPEC N-2, O-8, and the memory of a run)."""
    if not all(one.pipeline.well for one in rounds):
        yield "a run did not end DONE, or its audit failed"
    ratio = median(one.ratio for one in rounds)
    if ratio > limit:
        yield f"the median of the ratio is {ratio:.2f}, over {limit:.2f}"
    p99 = median(one.pipeline.status_p99_ms for one in rounds)
    if p99 > STATUS_P99_MS:
        yield f"GET /pedidos has a p99 of {p99:.1f} ms, over {STATUS_P99_MS:.0f}"
    peak = max(use.peak_mib or 0.0 for one in rounds for use in one.pipeline.processes)
    if peak > PROCESS_PEAK_MIB:
        yield f"a process took {peak:.0f} MiB at its peak, over {PROCESS_PEAK_MIB:.0f}"
    if redis_peak_mib > REDIS_PEAK_MIB:
        yield f"Redis took {redis_peak_mib:.0f} MiB at its peak, over {REDIS_PEAK_MIB:.0f}"


def _times(rounds: Sequence[Round]) -> Table:
    names = ("round", "pipeline", "own clock", "audit", "bare", "insert", "VIP", "NORMAL")
    table = Table(title="Seconds from start to DONE", title_justify="left")
    for name in (*names, "ratio", "p99 of status, ms"):
        table.add_column(name, justify="right")
    for number, one in enumerate(rounds, start=1):
        bare = one.bare.times
        steps = (bare.total_seconds, bare.insert_seconds, bare.vip_seconds, bare.normal_seconds)
        table.add_row(
            str(number),
            f"{one.pipeline.outside_seconds:.2f}",
            f"{one.pipeline.server_seconds:.2f}",
            "passed" if one.pipeline.well else f"FAILED ({one.pipeline.phase})",
            *(f"{seconds:.2f}" for seconds in steps),
            f"{one.ratio:.2f}",
            f"{one.pipeline.status_p99_ms:.1f}",
        )
    return table


def _phases(rounds: Sequence[Round]) -> Table:
    table = Table(title="Seconds in each phase", title_justify="left")
    table.add_column("round", justify="right")
    names = list(rounds[0].pipeline.phases)
    for name in names:
        table.add_column(name, justify="right")
    for number, one in enumerate(rounds, start=1):
        table.add_row(str(number), *(f"{one.pipeline.phases.get(name, 0):.2f}" for name in names))
    return table


def _use(last: Round, redis_peak_mib: float) -> Table:
    table = Table(title="Used by the last round", title_justify="left")
    table.add_column("process")
    for name in ("peak MiB", "CPU seconds"):
        table.add_column(name, justify="right")
    for one in (*last.pipeline.processes, *last.bare.times.processes):
        peak = "?" if one.peak_mib is None else f"{one.peak_mib:.0f}"
        table.add_row(one.name, peak, f"{one.cpu_seconds:.2f}")
    for name, seconds in (
        ("mongod, for the pipeline", last.pipeline.mongod_cpu_seconds),
        ("mongod, for the bare loop", last.bare.mongod_cpu_seconds),
    ):
        table.add_row(name, "", f"{seconds:.2f}")
    table.add_row("Redis, at its peak", f"{redis_peak_mib:.0f}", "")
    return table
