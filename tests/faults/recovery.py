"""How long until what a victim held was done by others, by the ledger; and the table of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.e2e.stack import Stack, until

FINAL = ["succeeded", "failed", "cancelled"]
OPEN = ["queued", "running", "retrying"]
LONGEST_SECONDS = 90.0


class Fault(Protocol):
    """What happened: to whom, and how a table calls it."""

    @property
    def role(self) -> str: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wound:
    """A fault that happened. Times are monotonic seconds.

    Attributes:
        jobs: what the victim held.
        struck_at: when it happened.
        over_at: the kill itself, or the component's return where nothing stands in for it.
        healed: whether the work goes on, besides the jobs.
        await_end: returns once a frozen victim goes on.
    """

    event: Fault
    jobs: Sequence[str]
    struck_at: float
    over_at: float
    healed: Callable[[], bool] = lambda: True
    await_end: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault that is over: seconds since its end, since it struck, and how many jobs waited."""

    event: Fault
    seconds: float
    since_struck: float
    jobs: int


def running_jobs(stack: Stack, **of: object) -> list[str]:
    """The jobs that are being executed, by the ledger."""
    found = stack.database.jobs.find({"status": "running", **of}, {"_id": 1}).sort("_id", 1)
    return [job["_id"] for job in found]


def rung_jobs(stack: Stack) -> list[str]:
    """The jobs that wait for a worker, so have a ring in Redis."""
    found = stack.database.jobs.find({"status": "queued"}, {"_id": 1})
    return [job["_id"] for job in found]


def held_by(stack: Stack, pid: int) -> list[str]:
    """The running jobs of the process with this id."""
    names = [p["_id"] for p in stack.database.processes.find({"pid": pid})]
    return running_jobs(stack, **{"lease.worker": {"$in": names}})


def settled(stack: Stack, jobs: Sequence[str]) -> bool:
    """Whether each of the jobs has ended."""
    done = {"_id": {"$in": list(jobs)}, "status": {"$in": FINAL}}
    return bool(stack.database.jobs.count_documents(done) == len(jobs))


def await_healed(stack: Stack, wound: Wound) -> float:
    """Wait until all that was held is settled; when.

    Raises:
        AssertionError: naming the fault and the jobs that are still open.
    """
    try:
        until(lambda: settled(stack, wound.jobs) and wound.healed(), LONGEST_SECONDS)
    except AssertionError as late:
        left = {"_id": {"$in": list(wound.jobs)}, "status": {"$in": OPEN}}
        raise AssertionError(f"{wound.event}: {list(stack.database.jobs.find(left))}") from late
    return time.monotonic()


def recoveries(healed: Sequence[tuple[Wound, float]]) -> list[Recovery]:
    """Seconds from the last end of a fault of this round that kept all work up, or its own."""
    ends = {wound.event: _end(wound, at) for wound, at in healed}
    found = []
    for wound, at in healed:
        others = [end for event, end in ends.items() if event != wound.event and end <= at]
        seconds = at - max([wound.over_at, *others])
        found.append(Recovery(wound.event, seconds, at - wound.struck_at, len(wound.jobs)))
    return found


def _end(wound: Wound, healed_at: float) -> float:
    """From when on others can go on; a worker or a generator keeps nobody up."""
    match wound.event.role:
        case "orchestrator":
            return healed_at
        case "mongod" | "redis":
            return wound.over_at
        case _:
            return 0.0


def table(title: str, found: Sequence[Recovery], audits: str) -> str:
    """Fault, how often, jobs that were held, worst seconds since its end and since it struck."""
    groups: dict[str, list[Recovery]] = defaultdict(list)
    for one in found:
        groups[one.event.name].append(one)
    lines = [f"{title}; audits passed: {audits}"]
    lines += [f"  {'fault':<32}{'times':>6}{'jobs held':>11}{'worst s':>9}{'since struck':>14}"]
    for name, those in [*sorted(groups.items()), ("all", list(found))]:
        worst = max(one.seconds for one in those)
        longest = max(one.since_struck for one in those)
        jobs = sum(one.jobs for one in those)
        lines += [f"  {name:<32}{len(those):>6}{jobs:>11}{worst:>9.1f}{longest:>14.1f}"]
    return "\n".join(lines)
