"""What there is to see of a failure that is mended: who leads, since when it counts, the table."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tests.e2e.stack import Stack
from tests.faults.armed import Armed, Fired
from tests.faults.hooks.failpoints import FREEZE

FROZEN_SECONDS = 12.0  # two more than a lease


def leader(stack: Stack) -> tuple[str, int] | None:
    """Who leads, by the name of its lease and by its process id; None while nobody does."""
    lease = stack.database.leases.find_one({"_id": "engine"})
    holder = str(lease["holder"] or "") if lease else ""
    process = stack.database.processes.find_one({"_id": holder.rpartition("/")[0]})
    return (holder, int(process["pid"])) if process else None


def thaw(fired: Sequence[Fired]) -> None:
    """Let those that are frozen go on, once their leases are over."""
    for one in fired:
        if one.armed.effect == FREEZE:
            time.sleep(max(0.0, one.at + FROZEN_SECONDS - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGCONT)


def struck_last(fired: Fired, those: Sequence[Fired]) -> float:
    """When the last one failed that held a job of this one: each has its own time to recover."""
    return max(one.at for one in those if one is fired or set(one.held) & set(fired.held))


def table(title: str, found: Sequence[tuple[Armed, float]], audited: int) -> str:
    """Failpoint, how often, and the longest that it took to mend."""
    groups: Mapping[str, list[float]] = defaultdict(list)
    for one, seconds in found:
        groups[str(one)].append(seconds)
    lines = [f"{title}; audits passed: {audited} of {audited}"]
    lines += [f"  {'failpoint':<76}{'times':>6}{'worst s':>9}"]
    for name, those in [*sorted(groups.items()), ("all", [seconds for _one, seconds in found])]:
        lines += [f"  {name:<76}{len(those):>6}{max(those):>9.1f}"]
    return "\n".join(lines)
