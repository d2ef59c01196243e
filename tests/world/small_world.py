"""Orchestrators and workers of a small installation, moved by hand: nothing happens by itself.

What it stands on, in memory or on real servers, is its subclass's affair. Seconds are the world's:
`speed` of them pass in one of the servers' own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.domain.jobs import Job, JobStatus
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order, OrderStatus, Priority, StatusCounts, Tier
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.run_jobs import GENERATE_CHUNK, GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.domain.runs import AbortRequest, Phase, Plan, Run
from pedidos_common.execution.registry import JobFunction
from pedidos_common.ports import OrderRecord
from pedidos_orchestrator.engine.reconcile import Patience
from pedidos_orchestrator.engine.run_engine import Pace
from pedidos_worker.handlers import BuiltInHandler, OrderHandler
from tests.world import chunks, jobs
from tests.world.ground import Ground
from tests.world.seat import Seat
from tests.world.worker import Worker

LEASE_SECONDS = 10.0
BEAT_SECONDS = 3.0
STALL_SECONDS = 60.0
TURN_SECONDS = 0.3
QUEUES = (GENERATION_QUEUE, ORDERS_QUEUE)


class SmallWorld(Ground):
    """Everything of a small installation; `handler_for(worker)` gives its order handler."""

    vip_share: float = 0.3
    limits: Limits = Limits(2, vip_orders=12, normal_groups=2)
    handler_for: Callable[[Worker], OrderHandler] = staticmethod(lambda _worker: BuiltInHandler())
    fails_chunk: Callable[[int], bool] = staticmethod(lambda _index: False)
    rings_repeat: bool = False
    speed: float = 1.0
    stall_seconds: float = STALL_SECONDS

    def furnish(self) -> None:
        """Put an orchestrator and two workers on the stores."""
        self.lease_seconds = LEASE_SECONDS / self.speed
        self.patience = replace(
            Patience.for_lease(LEASE_SECONDS), look_after_seconds=1.5 / self.speed
        )
        self.policy = OrderPolicy(max_attempts=3, retry_base_ms=int(1_000 / self.speed))
        self.barrier = jobs.Barrier()
        self.breaches: list[str] = []
        self.reigns: list[tuple[int, Seat]] = []
        self._names = iter(range(1_000_000))
        self.seat = Seat(self, "one")
        self.workers = [self._new_worker(), self._new_worker()]

    async def note_claim(self, job: Job) -> None:
        """Note every NORMAL batch that is taken before each VIP order had a final state."""
        if job.payload.get("priority") != Priority.NORMAL:
            return
        vip = [r for r in await self.records(job.payload["runId"]) if _is_vip(r)]
        if any(r.status == OrderStatus.PENDENTE and r.failed_at is None for r in vip):
            self.breaches.append(f"{job.id}, NORMAL, was begun before the last VIP order ended")

    def note_reign(self, epoch: int, seat: Seat) -> None:
        """Note who leads under which epoch, each change of it once."""
        if not self.reigns or self.reigns[-1] != (epoch, seat):
            self.reigns.append((epoch, seat))

    # -- its parts

    def _new_worker(self) -> Worker:
        return Worker(self, f"worker-{next(self._names)}")

    def functions_for(self, worker: Worker) -> dict[str, JobFunction]:
        return jobs.functions_for(self, worker)

    def created_at(self) -> datetime:
        """When the orders of the world are made."""
        return datetime.fromisoformat("2025-01-02T03:04:05+00:00")

    def chunk_of(self, job: Job) -> chunks.Chunk:
        """The orders of a chunk, VIP ones first."""
        return chunks.chunk_of(job, self.vip_share, self.created_at())

    def _order(self, run_id: UUID, number: int, tier: Tier) -> Order:
        return chunks.an_order(run_id, number, tier, self.created_at())

    def hold(self, holds: Callable[[Job], bool]) -> None:
        """Make such jobs wait, in the middle of their work, until `let_go`."""
        self.barrier.hold(holds)

    def let_go(self) -> None:
        self.barrier.let_go()

    # -- what people do

    async def start(
        self, quantity: int = 20, chunk: int = 10, batch: int = 3, group: int = 6
    ) -> Run:
        """A new run, GENERATING."""
        now = await self.now()
        plan = Plan(quantity, chunk, batch, group, seed=1, generator_version=1)
        run_id = new_run_id(int(now.timestamp() * 1000), next(self._names))
        started: Run = await self.runs.start(Run(run_id, plan, Phase.IDLE, now))
        return started

    async def cancel(self, **abort: bool) -> None:
        run = await self.active()
        await self.runs.request_abort(run.id, AbortRequest(**abort))

    async def resume(self, run: Run) -> Run:
        """As the API does it."""
        await self.ledger.resume_scope(run.scope, (GENERATE_CHUNK,))
        resumed: Run = await self.runs.resume(run.id)
        return resumed

    # -- what is seen

    async def run(self, run: Run) -> Run:
        return _there(await self.runs.get(run.id))

    async def active(self) -> Run:
        return _there(await self.runs.active())

    async def counts(self, run: Run) -> StatusCounts:
        found: StatusCounts = await self.orders.count(OrderRange(run.id, 1, run.plan.quantity))
        return found

    async def jobs(self, run: Run, *statuses: JobStatus) -> list[Job]:
        found: AsyncIterator[Job] = self.ledger.of_scope(run.scope)
        return [job async for job in found if not statuses or job.status in statuses]

    async def records(self, run_id: UUID | str) -> list[OrderRecord]:
        """Every order of the run, by id."""
        return [record async for record in self.orders.export(UUID(str(run_id)))]

    async def statuses(self, run: Run) -> dict[Priority, StatusCounts]:
        """How the run's orders stand, by priority, counted one by one."""
        return _by_priority(await self.records(run.id))

    # -- time and work

    async def crash(self, worker: Worker) -> None:
        """The worker's process ends, and a new one takes its place."""
        worker.crash()
        self.workers[self.workers.index(worker)] = self._new_worker()
        await asyncio.sleep(0)

    async def take_back(self, name: str) -> int:
        """As a process does that starts under this name; how many jobs."""
        taken: int = await self.ledger.take_back(name, self.runs.is_open)
        return taken

    async def advance(self, seconds: float) -> None:
        """Let time pass; live workers' hearts beat meanwhile."""
        while seconds > 0:
            await self.wait(min(seconds, BEAT_SECONDS))
            seconds -= BEAT_SECONDS
            for worker in self.workers:
                await worker.beat()

    def free_worker(self) -> Worker | None:
        free = [w for w in self.workers if w.executor.free_slots() and not w.frozen]
        return min(free, key=lambda worker: worker.executor.busy, default=None)

    async def hear(self, job_id: str) -> bool:
        """A free worker hears a ring of the job, if there is one."""
        worker = self.free_worker()
        if worker is None:
            return False
        await worker.executor.deliver(job_id)
        await self.quiet()
        return True

    async def deliver(self, most: int = 1_000) -> int:
        """Hand rings to free workers, the lowest band first; how many."""
        if await self.queue_state.read() != "running":
            return 0
        count = 0
        for queue in QUEUES:
            while count < most and self.free_worker() is not None:
                job_id = await self.take(queue)
                if job_id is None:
                    break
                count += await self.hear(job_id)
                if self.rings_repeat:
                    await self.hear(job_id)
        return count

    async def part_of_a_turn(self, rings: int) -> None:
        """One step, and at most so many rings are heard."""
        await self.seat.step()
        await self.deliver(rings)
        await self.advance(TURN_SECONDS)

    async def turn(self, seconds: float = TURN_SECONDS) -> None:
        """One turn of everything."""
        while await self.seat.step() is Pace.AT_ONCE:
            pass
        await self.quiet()
        await self.deliver()
        await self.seat.repair()
        await self.advance(seconds)


def _there(run: Run | None) -> Run:
    assert run is not None
    return run


def _is_vip(record: OrderRecord) -> bool:
    return record.order.priority is Priority.VIP


def _by_priority(records: Iterable[OrderRecord]) -> dict[Priority, StatusCounts]:
    counts = {
        priority: dict.fromkeys(("pendente", "processado", "falhou"), 0) for priority in Priority
    }
    for record in records:
        counts[record.order.priority][str(record.status)] += 1
    return {priority: StatusCounts(**found) for priority, found in counts.items()}
