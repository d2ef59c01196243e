"""Checkouts are no runs: no run has to be active for their jobs to go on."""

from __future__ import annotations

from pedidos_checkout.domain.checkouts import is_checkout
from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.queues import QueueTable
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.background import scope_is_open
from pedidos_orchestrator.wiring.chores import housekeeping_of
from pedidos_worker.settings import WorkerSettings
from pedidos_worker.wiring import service_of
from tests.unit.checkout.carts import a_checkout
from tests.unit.orchestrator.test_chores import deps_of
from tests.unit.orchestrator.world import World


async def test_a_job_whose_worker_was_lost_is_queued_again_without_any_run() -> None:
    world, checkout = World(), a_checkout()
    await world.ledger.create([first_job(checkout)])
    await world.ledger.claim(job_id(checkout, Step.PAYMENT), "w")
    world.clock.advance(60.0)
    is_open = scope_is_open(deps_of(world))
    assert await world.ledger.expire_leases(is_open) == 1
    job = await world.ledger.get(job_id(checkout, Step.PAYMENT))
    assert job is not None
    assert job.status is JobStatus.QUEUED
    assert not await is_open("8f14e45f-ceea-8167-a5a3-6dedd4bea254")  # a run that nobody knows


def test_a_worker_works_at_checkouts_without_any_run() -> None:
    service = service_of(WorkerSettings(), ["inventory"], QueueTable())
    assert service.never_closes is is_checkout
    assert service.never_closes(a_checkout().id)
    assert not service.never_closes("8f14e45f-ceea-8167-a5a3-6dedd4bea254")


async def test_what_nobody_began_is_begun_by_the_leader() -> None:
    world, checkout = World(), a_checkout()
    deps = deps_of(world)
    await deps.checkout.checkouts.accept(checkout)
    await world.seat.lead()
    keeping = housekeeping_of(OrchestratorSettings(), deps, world.seat.leadership)
    await keeping.round()
    assert await world.ledger.get(job_id(checkout, Step.PAYMENT)) is None  # it may yet be begun
    world.clock.advance(10.0)
    [sweep] = [chore for chore in keeping._chores if chore.name == "checkouts"]
    await sweep.do()
    assert await world.transport.depth("payment-processing") == 1
    await sweep.do()
    assert await deps.checkout.checkouts.not_begun(0.0, 10) == []
