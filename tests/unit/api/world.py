"""The application on in-memory ports: what every test of it stands on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from pedidos_checkout.testing.in_memory_shop import (
    InMemoryCatalogue,
    InMemoryPlacedOrders,
    InMemoryStock,
)
from pedidos_checkout.testing.in_memory_stores import (
    InMemoryCheckoutStore,
    InMemoryPaymentBook,
    InMemoryReconciliations,
    InMemoryRemovals,
)
from pedidos_common.domain.ids import OrderRange, order_id
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.orders import Order, OrderFailure, Tier, priority_of
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.in_memory_controls import InMemoryProcesses, InMemoryQueueState
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_common.testing.in_memory_runs import InMemoryRunStore
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.app import create_app
from pedidos_orchestrator.deps import ApiSettings, CheckoutDeps, Deps

Client = httpx.AsyncClient
EPOCH = 1


async def _true() -> bool:
    return True


def shop_of(clock: Callable[[], datetime]) -> CheckoutDeps:
    """An empty shop."""
    stock = InMemoryStock(clock)
    return CheckoutDeps(
        checkouts=InMemoryCheckoutStore(clock),
        catalogue=InMemoryCatalogue(stock),
        stock=stock,
        payments=InMemoryPaymentBook(clock),
        orders=InMemoryPlacedOrders(clock),
        reconciliations=InMemoryReconciliations(clock),
        removals=InMemoryRemovals(),
    )


@dataclass
class World:
    """Everything around the application, in memory; `client` talks to it."""

    clock: ManualClock = field(default_factory=ManualClock)
    transport: InMemoryTransport = field(default_factory=InMemoryTransport)
    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    logs: InMemoryLogGathering = field(default_factory=InMemoryLogGathering)
    imports: InMemoryImportStore = field(default_factory=InMemoryImportStore)
    queue_state: InMemoryQueueState = field(default_factory=InMemoryQueueState)
    checks: dict[str, Callable[[], Awaitable[bool]]] = field(
        default_factory=lambda: {"mongo": _true, "redis": _true}
    )
    settings: ApiSettings = field(
        default_factory=lambda: ApiSettings(
            cancel_wait_seconds=0.2, heartbeat_seconds=0.05, counts_seconds=0.0
        )
    )

    def __post_init__(self) -> None:
        self.runs = InMemoryRunStore(self.clock)
        self.ledger = InMemoryJobLedger(self.clock)
        self.orders = InMemoryOrderStore(self.clock)
        self.processes = InMemoryProcesses(self.clock)
        self.shop = shop_of(self.clock)
        self.deps = Deps(
            runs=self.runs,
            ledger=self.ledger,
            orders=self.orders,
            imports=self.imports,
            transport=self.transport,
            events=self.events,
            logs=self.logs,
            queue_state=self.queue_state,
            processes=self.processes,
            registry=CollectorRegistry(),
            checks=self.checks,
            checkout=self.shop,
        )

    def app(self, **settings: Any) -> FastAPI:
        """The application with some settings changed."""
        deps = replace(self.deps, registry=CollectorRegistry())
        return create_app(deps, replace(self.settings, **settings))

    def client_of(self, app: FastAPI, **options: Any) -> httpx.AsyncClient:
        """A client of that application."""
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://pedidos", **options)

    async def started(self, client: httpx.AsyncClient, quantity: int = 10) -> Run:
        """A run that the client started."""
        answer = await client.post("/pedidos/generate", params={"quantity": quantity})
        assert answer.status_code == 202, answer.text
        return await self.run(answer.json()["runId"])

    async def run(self, run_id: UUID | str) -> Run:
        """The run as it is stored."""
        found = await self.runs.get(UUID(str(run_id)))
        assert found is not None
        return found

    async def job(self, job_id: str) -> Job:
        """The job as it is stored."""
        found = await self.ledger.get(job_id)
        assert found is not None
        return found

    async def claimed(self, job_id: str) -> Job:
        """The job, taken by a worker."""
        found = await self.ledger.claim(job_id, "w")
        assert found is not None
        return found

    async def ended(self, run: Run, phase: Phase = Phase.DONE, **fields: Any) -> Run:
        """The run in another phase, as the engine would have left it."""
        moved = await self.runs.move(run, phase, EPOCH, fields)
        assert moved is not None
        return moved

    async def with_orders(self, run: Run, tiers: list[Tier]) -> list[UUID]:
        """Pending orders of the run, one for each tier; their ids."""
        self.clock.advance(1)
        chosen = [self._order(run, number, tier) for number, tier in enumerate(tiers, 1)]
        whole = OrderRange(run.id, 1, len(chosen))
        await self.orders.insert_chunk(PlainChunk(whole, chosen), redelivered=False)
        return [order.id for order in chosen]

    def _order(self, run: Run, number: int, tier: Tier) -> Order:
        return Order(
            id=order_id(run.id, number),
            cliente=f"cliente {number}",
            valor=Decimal("12.30"),
            tier=tier,
            priority=priority_of(tier),
            created_at=self.clock(),
        )

    async def kill(self, order_ids: list[UUID]) -> None:
        """Make these orders dead letters."""
        failures = [OrderFailure(one, "no such address", final=True) for one in order_ids]
        await self.orders.mark_failures(failures, self.clock())
