"""The small world over in-memory ports, with a clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pedidos_common.domain.jobs import Job, JobStatus
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.testing.clock import START, ManualClock
from pedidos_common.testing.in_memory_controls import InMemoryLeaderLease, InMemoryQueueState
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from pedidos_common.testing.in_memory_runs import InMemoryRunStore
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_worker.handlers import BuiltInHandler, OrderHandler
from tests.world.handlers import Deadly, Scripted
from tests.world.seat import Seat
from tests.world.small_world import LEASE_SECONDS, STALL_SECONDS, TURN_SECONDS, SmallWorld
from tests.world.worker import Worker

__all__ = ["LEASE_SECONDS", "STALL_SECONDS", "Deadly", "Scripted", "Seat", "World"]


class WorldClock(ManualClock):
    """The server's time, which is everyone's."""

    def after(self, seconds: float) -> datetime:
        """The moment so many seconds from now."""
        other = ManualClock(self())
        other.advance(seconds)
        return other()


@dataclass
class World(SmallWorld):
    """A small world in memory."""

    vip_share: float = 0.3
    limits: Limits = field(default_factory=lambda: Limits(2, vip_orders=12, normal_groups=2))
    handler_for: Callable[[Worker], OrderHandler] = lambda _worker: BuiltInHandler()
    fails_chunk: Callable[[int], bool] = lambda _index: False
    clock: WorldClock = field(default_factory=WorldClock)
    transport: InMemoryTransport = field(default_factory=InMemoryTransport)
    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    logs: InMemoryLogGathering = field(default_factory=InMemoryLogGathering)
    imports: InMemoryImportStore = field(default_factory=InMemoryImportStore)
    queue_state: InMemoryQueueState = field(default_factory=InMemoryQueueState)

    def __post_init__(self) -> None:
        self.runs: InMemoryRunStore = InMemoryRunStore(self.clock)
        self.ledger: InMemoryJobLedger = InMemoryJobLedger(self.clock, LEASE_SECONDS)
        self.orders: InMemoryOrderStore = InMemoryOrderStore(self.clock)
        self.leader_lease: InMemoryLeaderLease = InMemoryLeaderLease(self.clock)
        self.furnish()

    # -- what it stands on

    def monotonic(self) -> float:
        return (self.clock() - START).total_seconds() + 1_000.0

    async def now(self) -> datetime:
        return self.clock()

    def created_at(self) -> datetime:
        return self.clock()

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def extend(
        self, worker: Worker, leases: Mapping[str, str]
    ) -> tuple[datetime, frozenset[str]]:
        return self.clock.after(LEASE_SECONDS), self.ledger.extend(leases)

    async def take(self, queue: str) -> str | None:
        return next((bell.job_id for bell in self.transport._take(queue, 1)), None)

    async def lose_ring(self, place: int) -> str | None:
        held = self.transport._held
        if not held:
            return None
        return held.pop(sorted(held)[place % len(held)]).job_id

    async def forget_rings(self) -> None:
        self.transport.forget_all()

    async def quiet(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)
            for worker in [worker for worker in self.workers if worker.dying]:
                await self.crash(worker)

    async def close(self) -> None:
        """It has nothing to give back."""

    # -- until something is so

    async def held_job(self, run: Run) -> Job:
        """A job of the run that waits."""
        for _ in range(500):
            for job in await self.jobs(run, JobStatus.RUNNING):
                if self.barrier.holds(job):
                    return job
            await self.turn()
        raise AssertionError("no such job is running")

    async def held_retry(self, run: Run) -> Job:
        """A batch of the run of which an order failed, and the others are done."""
        for _ in range(500):
            await self.seat.step()
            await self.deliver()
            for job in await self.jobs(run, JobStatus.RETRYING):
                return job
        raise AssertionError("no job is to be tried again")

    async def play(
        self,
        until: Callable[[Run], bool] = lambda run: not run.active,
        turns: int = 2_000,
        seconds: float = TURN_SECONDS,
    ) -> Run:
        """Turn by turn until the newest run is as wanted."""
        for _ in range(turns):
            run = await self.runs.current()
            assert run is not None
            if until(run):
                return run
            await self.turn(seconds)
        raise AssertionError(f"never so: {await self.runs.current()}")

    async def play_to(self, phase: Phase) -> Run:
        """Step by step until the run is in the phase, with work going on."""
        for _ in range(2_000):
            run = await self.active()
            if run.phase is phase:
                return run
            await self.seat.step()
            if (await self.active()).phase is phase:
                return await self.active()
            await self.deliver()
            await self.advance(TURN_SECONDS)
        raise AssertionError(f"never came to {phase}")
