"""What follows from a checkout's cost for many worker processes: docs/checkout-capacity.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.capacity.page import with_parts
from bench.results import Result
from pedidos_common.domain.queues import CHECKOUT_QUEUES, DEFAULTS

PAGE = Path(__file__).parents[2] / "docs" / "checkout-capacity.md"
ORDERS = 5_000_000
PROCESSES = (50, 75, 100)
JOBS_AT_ONCE = 10
# of a core: what else runs on it, and bursts, need the rest
HEADROOM = 0.7
PROVIDER_SECONDS = (0.0, 0.3, 1.0)
# calls of an outside provider that a checkout's jobs make in a queue
CALLS = {"payment-processing": 2, "email-notifications": 1, "sms-notifications": 0.5}
ROLES = ("worker", "orchestrator", "mongod", "redis")


def write_page(result: Result, page: Path) -> None:
    """Put the tables between the marks of the page."""
    text = with_parts(page.read_text(encoding="utf-8"), parts_of(result))
    page.write_text(text, encoding="utf-8")


def parts_of(result: Result) -> dict[str, str]:
    """What goes between which marks."""
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return {
        "where": f"Measured {result.at} by `{result.command}` ({machine}).",
        "measured": "\n".join(_measured(result.rows)),
        "needs": "\n".join(_needs(result.rows[0])),
        "alongside": "\n".join(_alongside(result.rows[0])),
    }


def _measured(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [name for name in rows[0] if name.endswith("_ms") or name == "a_second"]
    counts = " | ".join(f"{n} worker{'s' * (n > 1)}" for n in (row["workers"] for row in rows))
    yield f"| of one checkout | {counts} |"
    yield "| --- |" + " ---: |" * len(rows)
    for name in names:
        yield f"| {_told(name)} | " + " | ".join(str(row.get(name, "")) for row in rows) + " |"


def _told(name: str) -> str:
    if name == "a_second":
        return "came about a second"
    what = name.removesuffix("_ms")
    if what.endswith("_cpu"):
        return f"processor time of {what.removesuffix('_cpu')}, ms"
    return f"slots of {what.removesuffix('_held')} in use, ms"


def by_processor(row: Mapping[str, Any], processes: int) -> float:
    """Checkouts a second that the workers' processors allow, a core for each process."""
    return float(processes * HEADROOM * 1000 / row["worker_cpu_ms"])


def by_slots(row: Mapping[str, Any], processes: int, provider_seconds: float) -> float:
    """Checkouts a second that the narrowest queue's slots allow."""
    return min(
        processes * slots_of(queue) / _held_seconds(row, queue, provider_seconds)
        for queue in CHECKOUT_QUEUES
    )


def slots_of(queue: str) -> int:
    """Of one process that serves all queues; ten at most."""
    return min(DEFAULTS[queue].concurrency or JOBS_AT_ONCE, JOBS_AT_ONCE)


def _held_seconds(row: Mapping[str, Any], queue: str, provider_seconds: float) -> float:
    measured = float(row.get(f"{queue}_held_ms", 0.0)) / 1000
    return measured + CALLS.get(queue, 0) * provider_seconds


def _needs(row: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| processes | a provider answers after | by processor, a second | by slots, a second "
        "| 5,000,000 take |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for processes in PROCESSES:
        for seconds in PROVIDER_SECONDS:
            processor = by_processor(row, processes)
            slots = by_slots(row, processes, seconds)
            hours = ORDERS / min(processor, slots) / 3600
            yield (
                f"| {processes} | {seconds:.1f} s | {processor:,.0f} | {slots:,.0f} "
                f"| {hours:.1f} h |"
            )


def _alongside(row: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| processes | checkouts a second | cores of workers | of orchestrators | of MongoDB "
        "| of Redis |"
    )
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for processes in PROCESSES:
        rate = min(by_processor(row, processes), by_slots(row, processes, PROVIDER_SECONDS[1]))
        cores = " | ".join(
            f"{rate * row[f'{role}_cpu_ms'] / 1000 / HEADROOM:.1f}" for role in ROLES
        )
        yield f"| {processes} | {rate:,.0f} | {cores} |"
