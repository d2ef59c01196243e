"""The product's own engine, reconciler and executor on a real MongoDB, in one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pedidos_common.adapters.mongo.client import Database
from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaderLease
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.generation import GENERATOR_VERSION, amount_table
from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import Order
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.run_jobs import GENERATION_QUEUE, ORDERS_QUEUE
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.in_memory_controls import InMemoryQueueState
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_generator.generate import generate_chunk
from pedidos_generator.names import customer_names
from pedidos_orchestrator.engine.aftermath import Aftermath
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, RunEngine
from pedidos_worker.handlers import Answer
from pedidos_worker.process_batch import BatchProcessing

# what is claimed and never begun is lost time: short, and long for a job of a few orders
LEASE_SECONDS = 1.0
QUEUES = (GENERATION_QUEUE, ORDERS_QUEUE)
POLICY = OrderPolicy(max_attempts=3, retry_base_ms=100)
EVERY_SECONDS = 0.05


@dataclass
class Watched:
    """A handler that counts how often it had each order."""

    name: str = "watched"
    slice_size: int = 100
    calls: Counter[UUID] = field(default_factory=Counter)

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        self.calls.update(order.id for order in orders)
        return [None] * len(orders)


@dataclass
class Ports:
    """The adapters, of which a test may put one behind a `Failpoint`."""

    ledger: Any
    orders: Any
    runs: Any

    @classmethod
    def on(cls, database: Database) -> Ports:
        """The real ones."""
        ledger = MongoJobLedger(database, LEASE_SECONDS)
        return cls(ledger, MongoOrderStore(database), MongoRunStore(database))


class SmallPipeline:
    """Everything between a run's start and DONE; `run` moves it until the run is over."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self.ports, self.transport = ports, InMemoryTransport()
        self.handler = Watched()
        self._leadership = Leadership(MongoLeaderLease(database), "one")
        self._engine = RunEngine(self._engine_ports(), EngineSettings(60.0, Limits()))
        self._reconciler = Reconciler(
            ports.ledger,
            self.transport,
            ports.runs.is_open,
            self._leadership,
            Patience(look_after_seconds=0.5, trust_after_seconds=LEASE_SECONDS),
        )
        self._executor = self._new_executor()

    def _engine_ports(self) -> EnginePorts:
        return EnginePorts(
            runs=self.ports.runs,
            ledger=self.ports.ledger,
            orders=self.ports.orders,
            transport=self.transport,
            events=InMemoryEvents(),
            queue_state=InMemoryQueueState(),
            logs=InMemoryLogGathering(),
        )

    def _new_executor(self) -> Executor:
        encoder = BsonOrderEncoder(customer_names(), amount_table())
        functions = [
            generate_chunk(self.ports.orders, encoder),
            BatchProcessing(self.ports.orders, self.handler, POLICY).as_function(),
        ]
        gate = ScopeGate(self.ports.runs.is_open, remember_seconds=0)
        held = HeldLeases(LEASE_SECONDS)
        return Executor(self.ports.ledger, table(functions), held, gate, "w", slots=4)

    async def start(self, quantity: int) -> Run:
        """A new run of two chunks."""
        now = datetime.now(UTC)
        plan = Plan(quantity, quantity // 2, 5, 10, seed=1, generator_version=GENERATOR_VERSION)
        run_id = new_run_id(int(now.timestamp() * 1000), 1)
        started: Run = await self.ports.runs.start(Run(run_id, plan, Phase.IDLE, now))
        return started

    async def run_to_its_end(self, run: Run, seconds: float = 45.0) -> Run:
        """Turn by turn, each step tried again as the product does when a server is away."""
        async with asyncio.timeout(seconds):
            while (await self.ports.runs.get(run.id)).active:
                await self._turn()
                await asyncio.sleep(EVERY_SECONDS)
        await self._executor.drain(5.0)
        await self._aftermath().settle()
        ended: Run = await self.ports.runs.get(run.id)
        return ended

    def _aftermath(self) -> Aftermath:
        ports, imports = self.ports, InMemoryImportStore()
        return Aftermath(ports.runs, ports.orders, ports.ledger, self.transport, imports, False)

    async def _turn(self) -> None:
        await self._leadership._try()
        epoch = self._leadership.epoch
        assert epoch is not None
        try:
            await self._engine.step(epoch)
        except Unavailable:
            self._engine.forget()
        await self._deliver()
        with contextlib.suppress(Unavailable):
            await self._reconciler.round()

    async def _deliver(self) -> None:
        for queue in QUEUES:
            for bell in self.transport._take(queue, self._executor.free_slots()):
                with contextlib.suppress(Unavailable):
                    await self._executor.deliver(bell.job_id)
