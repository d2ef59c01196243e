"""Orchestrators and workers over in-memory ports, moved by hand: nothing happens by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from pedidos_common.domain.ids import OrderRange, new_run_id, order_id, run_of, sequence_of
from pedidos_common.domain.jobs import Job, JobStatus, Outcome, RetryPolicy, Succeeded
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order, Priority, StatusCounts, Tier, priority_of
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.run_jobs import GENERATE_CHUNK, GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.domain.runs import AbortRequest, Phase, Plan, Run
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.ports import Bell
from pedidos_common.testing.clock import START, ManualClock
from pedidos_common.testing.in_memory_controls import InMemoryLeaderLease, InMemoryQueueState
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_common.testing.in_memory_runs import InMemoryRunStore
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.engine.aftermath import Aftermath
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, Pace, RunEngine
from pedidos_worker.handlers import Answer, BuiltInHandler, OrderHandler
from pedidos_worker.process_batch import BatchProcessing
from pedidos_worker.process_orders import OrderProcessing

LEASE_SECONDS = 10.0
BEAT_SECONDS = 3.0
STALL_SECONDS = 60.0
TURN_SECONDS = 0.3
QUEUES = (GENERATION_QUEUE, ORDERS_QUEUE)
POLICY = OrderPolicy(max_attempts=3, retry_base_ms=1_000)


@dataclass
class Scripted:
    """A handler that answers by a function of the order's sequence, a few orders at a time."""

    answer_of: Callable[[int], Answer] = lambda _sequence: None
    name: str = "scripted"
    slice_size: int = 3

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        return [self.answer_of(sequence_of(order.id)) for order in orders]


@dataclass
class Deadly:
    """A handler whose process dies of some orders; `die` is called in the middle of a batch."""

    deadly: frozenset[int]
    die: Callable[[], None]
    name: str = "deadly"
    slice_size: int = 3

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        if self.deadly & {sequence_of(order.id) for order in orders}:
            self.die()
            await asyncio.Event().wait()
        return [None] * len(orders)


class Worker:
    """One process that executes jobs of both kinds, until it crashes."""

    def __init__(self, world: World, name: str, slots: int = 2) -> None:
        self._world, self.name = world, name
        self.held = HeldLeases(LEASE_SECONDS)
        gate = ScopeGate(world.runs.is_open, remember_seconds=0)
        functions = world.functions_for(self)
        self.executor = Executor(world.ledger, functions, self.held, gate, name, slots)
        self.dying = False

    @property
    def busy(self) -> bool:
        return self.executor.busy > 0

    def beat(self) -> None:
        """Extend every lease of the process, as its heartbeat does."""
        now = asyncio.get_running_loop().time()
        leases = self.held.to_extend(now)
        lost = self._world.ledger.extend(leases)
        until = self._world.clock.after(LEASE_SECONDS)
        self.held.extended(set(leases) - lost, now, until)
        self.held.lose(lost)

    def die(self) -> None:
        self.dying = True

    def crash(self) -> None:
        """End at once: nothing is settled or handed back."""
        self.executor.stopping = True
        for task, held in list(self.executor._tasks.items()):
            held.lost = True
            task.cancel()


class Seat:
    """One orchestrator: it leads while it holds the lease."""

    def __init__(self, world: World, name: str) -> None:
        self.leadership = Leadership(world.leader_lease, name, world.monotonic)
        ports = EnginePorts(
            runs=world.runs,
            ledger=world.ledger,
            orders=world.orders,
            transport=world.transport,
            events=world.events,
            queue_state=world.queue_state,
            logs=world.logs,
        )
        settings = EngineSettings(STALL_SECONDS, world.limits)
        self.engine = RunEngine(ports, settings, world.monotonic)
        self.reconciler = Reconciler(
            world.ledger,
            world.transport,
            world.runs.is_open,
            self.leadership,
            Patience.for_lease(LEASE_SECONDS),
            world.monotonic,
        )
        self.aftermath = Aftermath(
            world.runs, world.orders, world.ledger, world.transport, world.imports, True
        )

    async def lead(self) -> int | None:
        """Try to take or keep the lease; the epoch."""
        await self.leadership._try()
        return self.leadership.epoch

    async def step(self) -> Pace:
        """One step of the engine, if this one leads."""
        epoch = await self.lead()
        return Pace.IDLE if epoch is None else await self.engine.step(epoch)

    async def repair(self) -> None:
        """One round of the reconciler, if this one leads."""
        if await self.lead() is not None:
            await self.reconciler.round()


def never(_job: Job) -> bool:
    """Holds nothing."""
    return False


class WatchedLedger(InMemoryJobLedger):
    """Tells of every claim."""

    on_claim: Callable[[Job], None] = staticmethod(lambda _job: None)

    async def claim(
        self, job_id: str, worker: str, lease_id: str | None = None, *, again: bool = False
    ) -> Job | None:
        job = await super().claim(job_id, worker, lease_id, again=again)
        if job is not None:
            self.on_claim(job)
        return job


class WorldClock(ManualClock):
    """The server's time, which is everyone's."""

    def after(self, seconds: float) -> Any:
        """The moment so many seconds from now."""
        other = ManualClock(self())
        other.advance(seconds)
        return other()


@dataclass
class World:
    """Everything of a small installation; `handler_for(worker)` gives its order handler."""

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
        self.runs = InMemoryRunStore(self.clock)
        self.ledger = WatchedLedger(self.clock, LEASE_SECONDS)
        self.ledger.on_claim = self._on_claim
        self.orders = InMemoryOrderStore(self.clock)
        self.leader_lease = InMemoryLeaderLease(self.clock)
        self._holds: Callable[[Job], bool] = never
        self._gate = asyncio.Event()
        self.breaches: list[str] = []
        self._names = iter(range(1_000_000))
        self.seat = Seat(self, "one")
        self.workers = [self._new_worker(), self._new_worker()]

    # -- its parts

    def monotonic(self) -> float:
        return (self.clock() - START).total_seconds() + 1_000.0

    def _on_claim(self, job: Job) -> None:
        """Note every NORMAL batch that is taken before each VIP order had a final state."""
        if job.payload.get("priority") != Priority.NORMAL:
            return
        run = UUID(job.payload["runId"])
        mine = [r for r in self.orders._all() if run_of(r.order.id) == run]
        vip = [r for r in mine if r.order.priority is Priority.VIP]
        if any(r.status == "pendente" and r.failed_at is None for r in vip):
            self.breaches.append(job.id)

    def _new_worker(self) -> Worker:
        return Worker(self, f"worker-{next(self._names)}")

    def functions_for(self, worker: Worker) -> dict[str, JobFunction]:
        handler = self.handler_for(worker)
        chunks = JobFunction(GENERATE_CHUNK, self._write_chunk, retry=RetryPolicy(2, 1))
        batches = BatchProcessing(self.orders, handler, POLICY).as_function()
        singles = OrderProcessing(self.orders, handler, POLICY).as_function()
        held_up = JobFunction(
            batches.name,
            self._held_up(batches),
            batches.give_up,
            deadline_seconds=batches.deadline_seconds,
            probe_first=batches.probe_first,
        )
        return dict(table([chunks, held_up, singles]))

    def _held_up(self, function: JobFunction) -> Callable[[Job, JobContext], Any]:
        async def perform(job: Job, context: JobContext) -> Outcome:
            if self._holds(job):
                await self._gate.wait()
            return await function.perform(job, context)

        return perform

    async def _write_chunk(self, job: Job, _context: JobContext) -> Outcome:
        if self._holds(job):
            await self._gate.wait()
        if self.fails_chunk(job.payload["index"]):
            raise OSError("disk full")
        chunk = self.chunk_of(job)
        await self.orders.insert_chunk(chunk, redelivered=job.deliveries > 1)
        return Succeeded({"vip": chunk.vip, "normal": len(chunk.orders) - chunk.vip})

    def chunk_of(self, job: Job) -> PlainChunk:
        """The orders of a chunk, VIP ones first."""
        first, last = job.payload["first"], job.payload["last"]
        vip = round(self.vip_share * (last - first + 1))
        run_id = UUID(job.payload["runId"])
        orders = [
            self._order(run_id, number, Tier.DIAMANTE if number < first + vip else Tier.OURO)
            for number in range(first, last + 1)
        ]
        return PlainChunk(OrderRange(run_id, first, last), orders)

    def _order(self, run_id: UUID, number: int, tier: Tier) -> Order:
        return Order(
            id=order_id(run_id, number),
            cliente=f"cliente {number}",
            valor=Decimal("12.30"),
            tier=tier,
            priority=priority_of(tier),
            created_at=self.clock(),
        )

    def hold(self, holds: Callable[[Job], bool]) -> None:
        """Make such jobs wait, in the middle of their work, until `let_go`."""
        self._holds = holds
        if self._gate.is_set():
            self._gate = asyncio.Event()

    def let_go(self) -> None:
        self._holds = never
        self._gate.set()

    async def held_job(self, run: Run) -> Job:
        """A job of the run that waits."""
        for _ in range(500):
            for job in await self.jobs(run, JobStatus.RUNNING):
                if self._holds(job):
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

    # -- what people do

    async def start(
        self, quantity: int = 20, chunk: int = 10, batch: int = 3, group: int = 6
    ) -> Run:
        """A new run, GENERATING."""
        milliseconds = int(self.clock().timestamp() * 1000)
        plan = Plan(quantity, chunk, batch, group, seed=1, generator_version=1)
        run_id = new_run_id(milliseconds, next(self._names))
        return await self.runs.start(Run(run_id, plan, Phase.IDLE, self.clock()))

    async def cancel(self, **abort: bool) -> None:
        run = await self.active()
        await self.runs.request_abort(run.id, AbortRequest(**abort))

    async def resume(self, run: Run) -> Run:
        """As the API does it."""
        await self.ledger.resume_scope(run.scope, (GENERATE_CHUNK,))
        return await self.runs.resume(run.id)

    # -- what is seen

    async def run(self, run: Run) -> Run:
        found = await self.runs.get(run.id)
        assert found is not None
        return found

    async def active(self) -> Run:
        found = await self.runs.active()
        assert found is not None
        return found

    async def counts(self, run: Run) -> StatusCounts:
        return await self.orders.count(OrderRange(run.id, 1, run.plan.quantity))

    async def jobs(self, run: Run, *statuses: JobStatus) -> list[Job]:
        found = [job async for job in self.ledger.of_scope(run.scope)]
        return [job for job in found if not statuses or job.status in statuses]

    # -- time and work

    async def quiet(self) -> None:
        """Let everything happen that can without time passing; processes that die, die."""
        for _ in range(60):
            await asyncio.sleep(0)
            for worker in [worker for worker in self.workers if worker.dying]:
                await self.crash(worker)

    async def crash(self, worker: Worker) -> None:
        """The worker's process ends, and a new one takes its place."""
        worker.crash()
        self.workers[self.workers.index(worker)] = self._new_worker()
        await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Let time pass; live workers' hearts beat meanwhile."""
        while seconds > 0:
            self.clock.advance(min(seconds, BEAT_SECONDS))
            seconds -= BEAT_SECONDS
            for worker in self.workers:
                worker.beat()

    def free_worker(self) -> Worker | None:
        free = [worker for worker in self.workers if worker.executor.free_slots()]
        return min(free, key=lambda worker: worker.executor.busy, default=None)

    async def deliver(self) -> int:
        """Hand rings to free workers, the lowest band first; how many."""
        if await self.queue_state.read() != "running":
            return 0
        count = 0
        for queue in QUEUES:
            while (worker := self.free_worker()) is not None:
                bells: list[Bell] = self.transport._take(queue, 1)
                if not bells:
                    break
                await worker.executor.deliver(bells[0].job_id)
                await self.quiet()
                count += 1
        return count

    async def turn(self, seconds: float = TURN_SECONDS) -> None:
        """One turn of everything."""
        while await self.seat.step() is Pace.AT_ONCE:
            pass
        await self.quiet()
        await self.deliver()
        await self.seat.repair()
        await self.advance(seconds)

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

    async def statuses(self, run: Run) -> dict[Priority, StatusCounts]:
        """How the run's orders stand, by priority, counted one by one."""
        counts = {
            priority: dict.fromkeys(("pendente", "processado", "falhou"), 0)
            for priority in Priority
        }
        async for record in self.orders.export(run.id):
            counts[record.order.priority][str(record.status)] += 1
        return {priority: StatusCounts(**found) for priority, found in counts.items()}
