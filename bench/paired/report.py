"""What the rounds say, as tables, and whether it is what is promised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from rich.table import Table

from bench.paired.bare_loop import STAGES
from bench.paired.figures import Round
from bench.promises import (
    BARRIER_MS,
    CLIENT_DIFFERENCE,
    PROCESS_PEAK_MIB,
    RATIO,
    REDIS_PEAK_MIB,
    STATUS_P99_MS,
)


def tables(rounds: Sequence[Round], redis_peak_mib: float) -> Iterator[Table]:
    """Times of all rounds, CPU by stage as the median of the rounds, then the processes' memory."""
    yield _times(rounds)
    yield _phases(rounds)
    for loop in ("pipeline", "bare loop"):
        yield _cpu(rounds, loop)
    yield _memory(rounds, redis_peak_mib)


def summary_lines(figures: Mapping[str, Any], quantity: int) -> Iterator[str]:
    """The lines that matter."""
    yield (
        f"{quantity:,} orders, {figures['rounds']} rounds: pipeline "
        f"{told(figures['pipeline_seconds'])} s, bare loop {told(figures['bare_seconds'])} s."
    )
    yield f"Ratio of each pair: {told(figures['ratio'])} (limit {RATIO})."
    difference = told(figures["client_difference_cpu_seconds_per_100k"])
    yield (
        f"Client CPU seconds per 100,000 orders beyond the bare loop's own: {difference} "
        f"(limit {CLIENT_DIFFERENCE})."
    )
    for name, meaning in (
        ("status_p99_ms", "GET /pedidos at 20 a second, p99"),
        ("barrier_ms", "Last VIP end to first NORMAL start"),
        ("first_order_ms", "Start to the first batch of orders processed"),
        ("loop_lag_p99_ms", "Event loop of the latest process, p99"),
    ):
        if name in figures:
            yield f"{meaning}: {told(figures[name], 1)} ms."
    if "others_percent" in figures:
        yield f"Others had {told(figures['others_percent'], 0)} % of the machine meanwhile."


def told(figure: Mapping[str, float], digits: int = 2) -> str:
    """`median (least to largest)`."""
    middle, least, most = (f"{figure[n]:.{digits}f}" for n in ("median", "min", "max"))
    return f"{middle} ({least} to {most})"


def misses(figures: Mapping[str, Any], ratio: float = RATIO) -> Iterator[str]:
    """What is not as it is promised (SPEC N-2, N-3, O-8)."""
    if not figures["all_ended_well"]:
        yield "a run did not end DONE, or its audit failed"
    for name, what, limit in (
        ("ratio", "the ratio", ratio),
        (
            "client_difference_cpu_seconds_per_100k",
            "client CPU beyond the bare loop's, s per 100k,",
            CLIENT_DIFFERENCE,
        ),
        ("status_p99_ms", "the p99 of GET /pedidos, ms,", STATUS_P99_MS),
        ("barrier_ms", "the barrier's price, ms,", BARRIER_MS),
    ):
        middle = figures.get(name, {}).get("median", 0.0)
        if middle > limit:
            yield f"the median of {what} is {middle:.2f}, over {limit:g}"
    for name, who, limit in (
        ("process_peak_mib", "a process", PROCESS_PEAK_MIB),
        ("redis_peak_mib", "Redis", REDIS_PEAK_MIB),
    ):
        if figures[name] > limit:
            yield f"{who} took {figures[name]:.0f} MiB at its peak, over {limit:.0f}"


def _times(rounds: Sequence[Round]) -> Table:
    names = ("round", "first", "pipeline", "own clock", "audit", "bare", "insert", "VIP", "NORMAL")
    table = Table(title="Seconds from start to DONE", title_justify="left")
    for name in (*names, "ratio", "client CPU beyond", "p99, ms", "others, %"):
        table.add_column(name, justify="right")
    for number, one in enumerate(rounds, start=1):
        bare = one.bare.times
        steps = (bare.total_seconds, bare.insert_seconds, bare.vip_seconds, bare.normal_seconds)
        table.add_row(
            str(number),
            "bare" if one.bare_first else "pipeline",
            f"{one.pipeline.outside_seconds:.2f}",
            f"{one.pipeline.server_seconds:.2f}",
            "passed" if one.pipeline.well else f"FAILED ({one.pipeline.phase})",
            *(f"{seconds:.2f}" for seconds in steps),
            f"{one.ratio:.2f}",
            f"{one.client_difference:.3f}",
            f"{one.pipeline.status_p99_ms:.1f}",
            "?" if one.others_percent is None else f"{one.others_percent:.0f}",
        )
    return table


def _phases(rounds: Sequence[Round]) -> Table:
    table = Table(title="Seconds in each phase", title_justify="left")
    table.add_column("round", justify="right")
    names = list(rounds[0].pipeline.phases)
    short = (name.removeprefix("WAITING_").replace("_", " ") for name in names)
    for name in (*short, "barrier, ms", "first orders, ms"):
        table.add_column(name, justify="right")
    for number, one in enumerate(rounds, start=1):
        facts = one.pipeline.facts
        table.add_row(
            str(number),
            *(f"{one.pipeline.phases.get(name, 0):.2f}" for name in names),
            *(
                "?" if ms is None else f"{ms:.0f}"
                for ms in (facts.barrier_ms, facts.first_order_ms)
            ),
        )
    return table


def _cpu(rounds: Sequence[Round], loop: str) -> Table:
    title = f"CPU seconds per 100,000 orders, {loop} (medians of the rounds)"
    table = Table(title=title, title_justify="left")
    of = [
        one.pipeline.stage_cpu if loop == "pipeline" else one.bare.times.stage_cpu for one in rounds
    ]
    stages = [stage for stage in STAGES if any(stage in one for one in of)]
    table.add_column("process")
    for name in (*stages, "all"):
        table.add_column(name, justify="right")
    for process in sorted({name for one in of for used in one.values() for name in used}):
        medians = [
            median(
                one.per_100k(used.get(stage, {}).get(process, 0.0))
                for one, used in zip(rounds, of, strict=True)
            )
            for stage in stages
        ]
        table.add_row(process, *(f"{value:.3f}" for value in (*medians, sum(medians))))
    return table


def _memory(rounds: Sequence[Round], redis_peak_mib: float) -> Table:
    table = Table(title="Peak memory over all rounds", title_justify="left")
    table.add_column("process")
    table.add_column("MiB", justify="right")
    peaks: dict[str, float] = {}
    for one in rounds:
        for use in (*one.pipeline.processes, *one.bare.times.processes):
            peaks[use.name] = max(peaks.get(use.name, 0.0), use.peak_mib or 0.0)
    for name, peak in peaks.items():
        table.add_row(name, f"{peak:.0f}" if peak else "?")
    table.add_row("Redis, by its own account", f"{redis_peak_mib:.0f}")
    return table
