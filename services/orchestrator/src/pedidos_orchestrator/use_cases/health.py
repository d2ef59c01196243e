"""How the queue is: what waits and moves, who works, and what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pedidos_common.domain.jobs import OPEN, Job, JobStatus
from pedidos_common.domain.orders import OrderStatus
from pedidos_common.domain.queues import GENERATION, ORDERS
from pedidos_common.domain.room import Room
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.ports import JobFilter, OrderFilter, ProcessSeen, QueueDepth
from pedidos_orchestrator.deps import ApiSettings, Check, Deps
from pedidos_orchestrator.job_states import STATUS_OF, WAITING, kinds
from pedidos_orchestrator.use_cases.queue_health import SHOWN, Depths, count_of
from pedidos_orchestrator.views import phase_of, process_view

T = TypeVar("T")
GOOD_POLICY = "noeviction"
REFUSED = JobFilter(statuses=WAITING, refused=True)
REFUSED_AT_MOST = 100
ENQUEUEING = frozenset({Phase.ENQUEUE_VIP, Phase.ENQUEUE_NORMAL})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a verdict is made of.

    `depths` has each queue's jobs, as far as they are counted. `quiet_ms` is how long nothing of
    the active run has moved, or without one, of what waits. `refused` are waiting jobs that workers
    handed back because they don't understand them.
    """

    run: Run | None
    depths: Sequence[QueueDepth]
    queue_state: str
    processes: Sequence[ProcessSeen]
    redis_ok: bool
    eviction_policy: str | None
    quiet_ms: float
    has_dead_orders: bool
    refused: Sequence[Job]
    now: datetime
    room: Sequence[Room] = ()

    @property
    def with_work(self) -> Sequence[str]:
        """The queues that have jobs which are not final."""
        return [depth.queue for depth in self.depths if depth.counts.keys() & OPEN]

    def count(self, status: JobStatus) -> int:
        """How many jobs have the status."""
        return count_of(self.depths, status)

    @property
    def active(self) -> bool:
        """Whether a run is active."""
        return self.run is not None and self.run.active

    @property
    def has_failed(self) -> bool:
        """Whether a job or an order is a dead letter."""
        return self.count(JobStatus.FAILED) > 0 or self.has_dead_orders

    @property
    def refused_ms(self) -> float:
        """For how long nobody has understood the job that waits longest for one who does."""
        since = [job.refused_since for job in self.refused if job.refused_since is not None]
        return (self.now - min(since)).total_seconds() * 1000 if since else 0.0

    def serves(self, queue: str) -> bool:
        """Whether a live process takes jobs of the queue."""
        return any(queue in seen.report.queues for seen in self.processes)


async def gather_facts(queue_state: str, count: Depths, deps: Deps, settings: ApiSettings) -> Facts:
    """Look at everything once, side by side; `count` tells each queue's jobs by status."""
    run, depths, processes, servers, dead = await asyncio.gather(
        deps.runs.current(),
        count(),
        deps.processes.live(settings.live_within_seconds),
        _look_at_servers(deps, settings.check_seconds),
        deps.orders.page(OrderFilter(status=OrderStatus.FALHOU), 1, None),
    )
    redis_ok, policy, room = servers
    quiet_ms, refused, now = await asyncio.gather(
        _quiet_ms(run, depths, deps),
        deps.ledger.page(REFUSED, REFUSED_AT_MOST, None),
        deps.runs.now(),
    )
    return Facts(
        run=run,
        depths=depths,
        queue_state=queue_state,
        processes=processes,
        redis_ok=redis_ok,
        eviction_policy=policy,
        quiet_ms=quiet_ms,
        has_dead_orders=bool(dead.items),
        refused=refused.items,
        now=now,
        room=room or (),
    )


async def _look_at_servers(
    deps: Deps, seconds: float
) -> tuple[bool, str | None, Sequence[Room] | None]:
    return await asyncio.gather(
        answers(deps.checks.get("redis"), seconds),
        _or_nothing(deps.eviction_policy, seconds),
        _or_nothing(deps.room, seconds),
    )


async def answers(check: Check | None, seconds: float) -> bool:
    """Whether a server answers in time; one that is not checked does."""
    if check is None:
        return True
    try:
        return await asyncio.wait_for(check(), seconds) is not False
    except Exception:  # noqa: BLE001 - a check that fails is an answer
        return False


async def _or_nothing(ask: Callable[[], Awaitable[T]], seconds: float) -> T | None:
    try:
        return await asyncio.wait_for(ask(), seconds)
    except Exception:  # noqa: BLE001 - unknown is an answer
        return None


async def _quiet_ms(run: Run | None, depths: Sequence[QueueDepth], deps: Deps) -> float:
    """How long the run has not moved, by its engine, or since its engine last wrote.

    Without an active run, the ledger knows: what was sent again has no engine.
    """
    if run is None or not run.active:
        return await deps.ledger.quiet_seconds() * 1000
    stalled = float(run.live.get("stalledMs") or 0.0)
    if stalled and count_of(depths, JobStatus.RUNNING):
        # a job whose lease is renewed is at work, however long its orders take
        stalled = min(stalled, await deps.ledger.quiet_seconds() * 1000)
    written = run.updated_at or run.created_at
    return max(stalled, (await deps.runs.now() - written).total_seconds() * 1000)


def health_of(facts: Facts, settings: ApiSettings, limit: int) -> dict[str, Any]:
    """The answer of `GET /pedidos/health/queue`; `limit` is how far jobs were counted."""
    is_stuck = _is_stuck(facts, settings)
    warnings = _warnings(facts)
    live = dict(facts.run.live) if facts.run else {}
    return {
        "status": _status(facts, is_stuck, bool(warnings)),
        **{name: facts.count(STATUS_OF[name]) for name in SHOWN},
        "countedUpTo": limit,
        "phase": phase_of(facts.run).value,
        **_going_on(facts, live),
        "hasFailedJobs": facts.has_failed,
        "isStuck": is_stuck,
        "aborted": phase_of(facts.run) is Phase.ABORTED,
        "queueState": facts.queue_state,
        "workers": [process_view(seen) for seen in facts.processes],
        "redis": {"evictionPolicy": facts.eviction_policy, "ok": facts.redis_ok},
        "room": [_room_view(room) for room in facts.room],
        "warnings": warnings,
    }


def _room_view(room: Room) -> dict[str, Any]:
    return {
        "store": room.store.value,
        "usedBytes": room.used_bytes,
        "totalBytes": room.total_bytes,
        "nearlyFull": room.nearly_full,
    }


def _is_stuck(facts: Facts, settings: ApiSettings) -> bool:
    """Work is there and nothing moves, though it may."""
    still_ms = max(facts.quiet_ms, facts.refused_ms)  # 0 where nothing waits
    return facts.queue_state == "running" and still_ms > settings.stuck_after_ms


def _going_on(facts: Facts, live: Mapping[str, Any]) -> dict[str, bool]:
    run = facts.run
    if run is None or not run.active:
        return {"generating": False, "enqueueing": False, "processing": bool(facts.with_work)}
    written = int(live.get("generated") or 0)
    generating = run.phase is Phase.GENERATING and written < run.plan.quantity
    final = sum(_final(live.get(lane)) for lane in ("vip", "normal"))
    return {
        "generating": generating,
        "enqueueing": run.phase in ENQUEUEING,
        "processing": final < written,
    }


def _final(lane: Mapping[str, Any] | None) -> int:
    return sum(int((lane or {}).get(name) or 0) for name in ("processed", "failed"))


def _status(facts: Facts, is_stuck: bool, warned: bool) -> str:
    phase = phase_of(facts.run)
    if phase is Phase.ERROR or is_stuck:
        return "error"
    if phase is Phase.ABORTED:
        return "aborted"
    if facts.queue_state != "running":
        return "paused"
    return "degraded" if warned or facts.has_failed else "healthy"


def _warnings(facts: Facts) -> list[str]:
    found: list[str] = []
    if not facts.redis_ok:
        found.append("Redis does not answer: no new work starts until it is back")
    if facts.eviction_policy not in {None, GOOD_POLICY}:
        found.append(
            f"Redis evicts keys ({facts.eviction_policy}): set maxmemory-policy to {GOOD_POLICY}"
        )
    found += [room.advice() for room in facts.room if room.nearly_full]
    return [*found, *_unserved(facts), *_not_understood(facts)]


def _unserved(facts: Facts) -> list[str]:
    wanted = list(facts.with_work)
    if facts.active:
        wanted.append(ORDERS)
    if facts.run is not None and facts.run.phase is Phase.GENERATING:
        wanted.append(GENERATION)
    return [
        f"work is there, but no live {'generator' if queue == GENERATION else 'worker'} "
        f"takes jobs of queue {queue!r}: start one"
        for queue in sorted(set(wanted))
        if not facts.serves(queue)
    ]


def _not_understood(facts: Facts) -> list[str]:
    seconds = facts.refused_ms / 1000
    return [
        f"{kind} is handed back by workers that don't understand it, since {seconds:.0f} s: "
        "start some of the release, and with the settings, of the process that created it, "
        f"or mend what can't be read ({why})"
        for kind, why in kinds(facts.refused).items()
    ]
