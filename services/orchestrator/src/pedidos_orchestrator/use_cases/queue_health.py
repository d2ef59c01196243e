"""How each queue is: what waits and moves, who serves it, and what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pedidos_common.domain.jobs import OPEN, JobStatus
from pedidos_common.domain.queues import CHECKOUT_QUEUES, RUN_QUEUES, QueuePolicy, QueueTable
from pedidos_common.ports import ProcessSeen, QueueDepth, QueueStates
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.job_states import STATUS_OF

COUNTED_UP_TO = 10_000
LIVING = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING, JobStatus.FAILED)
SHOWN = ("waiting", "active", "delayed", "completed", "failed")


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What a verdict on one queue is made of; `needed` says that it must be served at any time."""

    policy: QueuePolicy
    depth: QueueDepth
    workers: int
    state: str
    is_worked: bool
    needed: bool = False

    def count(self, status: JobStatus) -> int:
        """How many of its jobs have the status, as far as they were counted."""
        return self.depth.counts.get(status, 0)

    @property
    def is_over(self) -> bool:
        """Whether so much waits that no more is taken in."""
        limit = self.policy.refuse_above
        return limit is not None and self.count(JobStatus.QUEUED) > limit

    @property
    def is_stuck(self) -> bool:
        """Whether its oldest job waits too long though jobs may be taken.

        Runs queue their orders ahead of time, so there it is all right while others are at work.
        """
        goes_on = self.policy.name in RUN_QUEUES and self.count(JobStatus.RUNNING) > 0
        waited = self.depth.waiting_seconds
        return self.is_worked and not goes_on and waited > self.policy.worked_within_seconds

    @property
    def is_unserved(self) -> bool:
        """Whether no live process takes its jobs though one should."""
        has_work = any(self.count(status) for status in OPEN)
        return self.is_worked and not self.workers and (has_work or self.needed)

    def reasons(self) -> list[str]:
        """Why it is not healthy, with what to do; empty where it is."""
        name, waiting = self.policy.name, self.count(JobStatus.QUEUED)
        found = []
        if self.is_over:
            found.append(
                f"{waiting} jobs wait in {name}, more than its limit of "
                f"{self.policy.refuse_above}: start more workers, or wait until they catch up"
            )
        if self.is_stuck:
            found.append(
                f"the oldest job of {name} has waited for {self.depth.waiting_seconds:.0f} s, "
                f"longer than {self.policy.worked_within_seconds:g} s: look at its workers"
            )
        if self.is_unserved:
            found.append(f"no live process takes jobs of {name}: start a worker that does")
        return found


Depths = Callable[[], Awaitable[Sequence[QueueDepth]]]


async def count_done(deps: Deps) -> Sequence[QueueDepth]:
    """How much is done in each queue: most of what there is, and what no verdict depends on."""
    table = deps.table
    return await deps.ledger.standing(table.names, [JobStatus.SUCCEEDED], counted_up_to(table))


async def look_at_queues(deps: Deps, settings: ApiSettings, done: Depths) -> Sequence[QueueFacts]:
    """Look at every queue of the table once; `done` tells how much is done in each."""
    table = deps.table
    depths, ended, processes, states = await asyncio.gather(
        deps.ledger.standing(table.names, LIVING, counted_up_to(table)),
        done(),
        deps.processes.live(settings.live_within_seconds),
        deps.queue_state.read_all(),
    )
    return [
        _facts(table[depth.queue], _with(depth, more), processes, states, settings)
        for depth, more in zip(depths, ended, strict=True)
    ]


def _with(depth: QueueDepth, more: QueueDepth) -> QueueDepth:
    return replace(depth, counts={**depth.counts, **more.counts})


async def count_all(deps: Deps) -> Sequence[QueueDepth]:
    """How many jobs stand where, in each queue."""
    table = deps.table
    return await deps.ledger.standing(table.names, list(JobStatus), counted_up_to(table))


def count_of(depths: Sequence[QueueDepth], status: JobStatus) -> int:
    """How many jobs of these queues have the status, as far as they were counted."""
    return sum(depth.counts.get(status, 0) for depth in depths)


def counted_up_to(table: QueueTable) -> int:
    """How far jobs are counted: at least beyond every limit there is."""
    limits = [policy.refuse_above or 0 for policy in table.policies.values()]
    return max(COUNTED_UP_TO, *(limit + 1 for limit in limits))


def _facts(
    policy: QueuePolicy,
    depth: QueueDepth,
    processes: Sequence[ProcessSeen],
    states: QueueStates,
    settings: ApiSettings,
) -> QueueFacts:
    name = policy.name
    return QueueFacts(
        policy=policy,
        depth=depth,
        workers=sum(name in seen.report.queues for seen in processes),
        state=states.of(name) if states.everything == "running" else "paused",
        is_worked=states.is_worked(name),
        needed=settings.has_checkout and name in CHECKOUT_QUEUES,
    )


def queue_view(facts: QueueFacts) -> dict[str, Any]:
    """A queue as clients see it."""
    reasons = facts.reasons()
    return {
        "queue": facts.policy.name,
        "state": facts.state,
        **{name: facts.count(STATUS_OF[name]) for name in SHOWN},
        "oldestAgeMs": round(facts.depth.waiting_seconds * 1000),
        "workers": facts.workers,
        "overLimit": facts.is_over,
        "stuck": facts.is_stuck,
        "unserved": facts.is_unserved,
        "healthy": not reasons,
        "reasons": reasons,
    }


def policy_view(policy: QueuePolicy) -> dict[str, Any]:
    """How a queue is worked."""
    rate, scale = policy.rate, policy.scale
    return {
        "jobsAtOnce": policy.concurrency,
        "rate": rate and {"jobs": rate.jobs, "perMs": round(rate.seconds * 1000)},
        "maxAttempts": policy.retry.max_attempts,
        "retryBaseMs": round(policy.retry.base_seconds * 1000),
        "retryCapMs": round(policy.retry.cap_seconds * 1000),
        "vipAheadMs": round(policy.vip_ahead_seconds * 1000),
        "syncAbove": policy.sync_above,
        "refuseAbove": policy.refuse_above,
        "keepCompleted": policy.keep_completed,
        "keepFailed": policy.keep_failed,
        "workedWithinMs": round(policy.worked_within_seconds * 1000),
        "scale": {
            "least": scale.least,
            "most": scale.most,
            "growAbove": scale.grow_above,
            "shrinkBelow": scale.shrink_below,
            "growBy": scale.grow_by,
        },
    }


def health_view(queues: Sequence[QueueFacts], limit: int) -> dict[str, Any]:
    """The answer of `GET /api/health/queues`."""
    views = [queue_view(facts) for facts in queues]
    healthy = all(view["healthy"] for view in views)
    return {
        "status": "healthy" if healthy else "unhealthy",
        "countedUpTo": limit,
        "queues": views,
    }
