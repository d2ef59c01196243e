"""Which chores the leader does, and that each of them does its part."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.imports import ImportGone
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.run_jobs import NOTIFY_RUN_ENDED
from pedidos_common.domain.runs import Phase
from pedidos_common.ports import Bell, ImportRow
from pedidos_common.testing.in_memory_controls import InMemoryProcesses
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_orders import PlainChunk
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.engine.housekeeping import Housekeeping
from pedidos_orchestrator.engine.regular_reconciliation import RegularReconciliation
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring import chores
from pedidos_orchestrator.wiring.background import leader_metrics_of
from tests.unit.api.world import shop_of
from tests.unit.checkout.carts import a_free_checkout
from tests.unit.orchestrator.world import World

DAY_SECONDS = 86_400.0
PAYING: dict[str, Any] = {
    "payment_url": "http://pay.test",
    "payment_api_key": "key-of-a-test",
}


def deps_of(world: World, registry: CollectorRegistry | None = None) -> Deps:
    return Deps(
        runs=world.runs,
        ledger=world.ledger,
        orders=world.orders,
        imports=world.imports,
        transport=world.transport,
        events=world.events,
        logs=world.logs,
        queue_state=world.queue_state,
        processes=InMemoryProcesses(world.clock),
        registry=registry or CollectorRegistry(),
        checks={},
        checkout=shop_of(world.clock),
    )


async def housekeeping_of(world: World, **settings: Any) -> Housekeeping:
    """What an orchestrator is wired with; it leads."""
    await world.seat.lead()
    chosen = OrchestratorSettings(**settings)
    return chores.housekeeping_of(chosen, deps_of(world), world.seat.leadership)


async def test_the_leaders_chores_and_how_often_each_is_due() -> None:
    keeping = await housekeeping_of(World())
    assert {chore.name: chore.every_seconds for chore in keeping._chores} == {
        "receipts": 0.5,
        "checkouts": 1.0,
        "holds": 5.0,
        "zombies": 60.0,
        "retention": 600.0,
        "old checkouts": 5.0,
        "abandoned uploads": 3_600.0,
    }


async def test_each_chore_does_what_it_is_called() -> None:
    world = World()
    world.imports = InMemoryImportStore(world.clock)
    await world.imports.begin("abandoned", "orders.csv")
    old = await world.start()
    await world.play()
    world.clock.advance(10 * DAY_SECONDS)
    young = await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    await world.cancel()
    await world.play()
    zombies = [world._order(young.id, number, Tier.OURO) for number in range(1, 11)]
    chunk = PlainChunk(OrderRange(young.id, 1, 10), zombies)
    await world.orders.insert_chunk(chunk, redelivered=True)
    before = (await world.counts(young)).pendente
    assert before > 0

    keeping = await housekeeping_of(world, orders_retention_days=5)
    await keeping.round()
    assert keeping.failures == 0
    assert (await world.run(old)).receipt is not None
    assert (await world.run(young)).receipt is not None
    assert (await world.counts(young)).pendente == 0
    assert (await world.counts(old)).total == 0
    with pytest.raises(ImportGone):
        await world.imports.append("abandoned", [ImportRow(2, "Ana", 1)])


@pytest.mark.parametrize(("days", "is_kept"), [(0, True), (3, True), (1, False)])
async def test_old_checkouts_go_where_that_is_wanted(days: int, is_kept: bool) -> None:
    world = World()
    deps, cart = deps_of(world), a_free_checkout()
    await deps.checkout.checkouts.accept(cart)
    await deps.checkout.checkouts.begun([cart.id])
    world.clock.advance(2 * DAY_SECONDS)
    await world.seat.lead()
    settings = OrchestratorSettings(checkouts_retention_days=days)
    await chores.housekeeping_of(settings, deps, world.seat.leadership).round()
    assert (await deps.checkout.checkouts.get(cart.id) is not None) is is_kept


@pytest.mark.parametrize("days", [-1, 0.5, "a week"])
def test_checkouts_are_kept_for_whole_days(days: Any) -> None:
    with pytest.raises(ValidationError, match="checkouts_retention_days"):
        OrchestratorSettings(checkouts_retention_days=days)


async def test_payments_are_compared_once_in_each_slot_of_time() -> None:
    world = World()
    leaders = [
        RegularReconciliation(world.runs, world.ledger, world.transport, every_minutes=5)
        for _ in range(2)
    ]
    for _ in range(16):
        for leader in leaders:
            await leader.ask()
        world.clock.advance(60)
    asked = [job for job in world.ledger._by_id() if job.function == "reconcile-payments"]
    # it begins at 03:04:05
    assert [job.id[-5:] for job in asked] == ["T0300", "T0305", "T0310", "T0315"]
    assert await world.transport.missing([ring_of(job) for job in asked]) == []


def ring_of(job: Job) -> Bell:
    return Bell(job.id, job.queue, job.band, job.ring)


@pytest.mark.parametrize(
    ("settings", "compares"),
    [(PAYING, True), ({}, False), ({**PAYING, "reconcile_every_minutes": 0}, False)],
)
async def test_payments_are_compared_where_that_is_wanted(
    settings: dict[str, Any], compares: bool
) -> None:
    world = World()
    keeping = await housekeeping_of(world, **settings)
    await keeping.round()
    assert keeping.failures == 0
    functions = [job.function for job in world.ledger._by_id()]
    assert ("reconcile-payments" in functions) is compares


@pytest.mark.parametrize(
    ("settings", "period", "ended"),
    [
        ({**PAYING, "reconcile_every_minutes": 2}, 120.0, 0.0),
        ({**PAYING, "reconcile_every_minutes": 0}, None, 0.0),
        ({}, None, None),
    ],
)
async def test_comparisons_are_watched_where_they_are_wanted(
    settings: dict[str, Any], period: float | None, ended: float | None
) -> None:
    world, registry = World(), CollectorRegistry()
    await world.seat.lead()
    chosen = OrchestratorSettings(**settings)
    metrics = leader_metrics_of(chosen, deps_of(world, registry), world.seat.leadership)
    await metrics.look()
    names = ("period_seconds", "ended_timestamp_seconds")
    seen = [registry.get_sample_value(f"pedidos_reconciliation_{name}") for name in names]
    assert seen == [period, ended]


@pytest.mark.parametrize(("url", "told"), [(None, 0), ("https://shop.test/hook", 1)])
async def test_a_run_s_end_is_told_where_a_webhook_is_set(url: str | None, told: int) -> None:
    world = World()
    await world.start()
    await world.play()
    keeping = await housekeeping_of(world, webhook_url=url)
    await keeping.round()
    jobs = [job for job in world.ledger._by_id() if job.function == NOTIFY_RUN_ENDED]
    assert len(jobs) == told
