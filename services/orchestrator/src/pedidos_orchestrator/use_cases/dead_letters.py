"""A queue's dead letters by what they have in common, and sending one such group again.

Groups are made when somebody asks, over a bounded number of jobs: nothing is written for them while
jobs fail, and a better rule for what belongs together holds for old failures too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from pedidos_common.domain.fingerprints import LONGEST_TEXT, fingerprint
from pedidos_common.domain.queues import RUN_QUEUES
from pedidos_common.ports import Failure, JobLedger
from pedidos_orchestrator.best_effort import ring
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.problems import ProblemError, shortened

LOOKED_AT_MOST = 10_000
MOST_GROUPS = 200
MOST_REDRIVEN = 10_000
PAGE_SIZE = 250  # what is between two pages is done without a pause
REVIVED_TOGETHER = 500

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Group:
    """Failed jobs of one fingerprint; `error` is the newest one's, times are server times."""

    fingerprint: str
    function: str
    error: str
    first: datetime
    last: datetime
    count: int = 0

    def add(self, failure: Failure) -> None:
        """Count one more."""
        self.count += 1
        self.first = min(self.first, failure.failed_at)
        self.last = max(self.last, failure.failed_at)


@dataclass(slots=True)
class Grouped:
    """The largest groups; `complete` is False where there are older failures than those seen."""

    groups: Sequence[Group]
    looked_at: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many jobs wait again, and how many of the group are left among those looked at."""

    jobs: int
    left: int
    complete: bool


@dataclass(slots=True)
class _Look:
    """Failures, the newest first, with their fingerprints; equal texts are looked at once."""

    ledger: JobLedger
    queue: str
    looked_at: int = 0
    complete: bool = False
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    async def __aiter__(self) -> AsyncIterator[tuple[str, Failure]]:
        cursor = None
        while self.looked_at < LOOKED_AT_MOST:
            page = await self.ledger.failures(self.queue, PAGE_SIZE, cursor)
            for failure in page.items:
                yield self._fingerprint(failure), failure
            self.looked_at += len(page.items)
            cursor = page.cursor
            if cursor is None:
                self.complete = True
                return

    def _fingerprint(self, failure: Failure) -> str:
        said = failure.function, failure.error
        if said not in self._known:
            self._known[said] = fingerprint(*said)
        return self._known[said]


async def group_dead_letters(queue: str, deps: Deps) -> Grouped:
    """The queue's failed jobs by fingerprint, the largest group first."""
    look = _Look(deps.ledger, queue)
    groups: dict[str, Group] = {}
    async for key, failure in look:
        if key not in groups:
            groups[key] = _group_of(key, failure)
        groups[key].add(failure)
    largest = sorted(groups.values(), key=lambda group: (-group.count, group.fingerprint))
    return Grouped(largest[:MOST_GROUPS], look.looked_at, look.complete)


def _group_of(key: str, failure: Failure) -> Group:
    error = shortened(failure.error, LONGEST_TEXT)
    return Group(key, failure.function, error, failure.failed_at, failure.failed_at)


async def redrive_group(queue: str, key: str, limit: int, deps: Deps) -> Redriven:
    """Queue failed jobs of this fingerprint again, those that failed first before others.

    Each goes on as itself, with its id: whoever has seen it knows it again. Of a group at most
    `limit` go; asked again, the next ones do.

    Raises:
        ProblemError: 409 for a queue of runs, 404 where no failure has the fingerprint.
    """
    _refuse_runs(queue)
    look = _Look(deps.ledger, queue)
    found = [failure.job_id async for other, failure in look if other == key]
    if not found:
        raise ProblemError(404, _unknown(queue, key, look))
    chosen = found[::-1][:limit]
    jobs = 0
    for start in range(0, len(chosen), REVIVED_TOGETHER):
        bells = await deps.ledger.revive(queue, chosen[start : start + REVIVED_TOGETHER])
        await ring(deps.transport, bells)
        jobs += len(bells)
    left = len(found) - jobs
    _log.info("dead_letters_redriven", queue=queue, fingerprint=key, jobs=jobs, left=left)
    return Redriven(jobs, left, look.complete)


def _refuse_runs(queue: str) -> None:
    if queue in RUN_QUEUES:
        raise ProblemError(
            409,
            f"jobs of {queue} belong to runs: send their orders again (POST /pedidos/dead/redrive),"
            " or resume the run (POST /pedidos/runs/{runId}/resume)",
            slug="queue-of-runs",
        )


def _unknown(queue: str, key: str, look: _Look) -> str:
    among = "" if look.complete else f" among its newest {look.looked_at} failed jobs"
    return (
        f"no dead letter of {queue}{among} has the fingerprint {shortened(key)} (any more): "
        f"GET /api/queues/{queue}/dead-letters lists them"
    )
