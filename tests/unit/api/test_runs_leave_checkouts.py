"""What is done to runs is not done to checkouts: customers paid for them."""

from __future__ import annotations

import pytest

from pedidos_checkout.domain.flow import first_job
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_common.domain.jobs import Band, Failed, JobStatus, NewJob, Outcome, Retry, Succeeded
from pedidos_common.testing.held_context import HeldContext
from tests.unit.api.world import Client, World
from tests.unit.checkout.carts import a_checkout

OUTCOMES: dict[JobStatus, Outcome | None] = {
    JobStatus.QUEUED: None,
    JobStatus.RETRYING: Retry("the customer has to confirm", 60.0),
    JobStatus.SUCCEEDED: Succeeded(),
    JobStatus.FAILED: Failed("no answer"),
}


async def checkouts_jobs(world: World) -> dict[JobStatus, str]:
    """A job of a checkout in each status that a clean looks for."""
    for status, outcome in OUTCOMES.items():
        checkout = a_checkout(status.value)
        await world.ledger.create([first_job(checkout)])
        if outcome is not None:
            job = await world.claimed(job_id(checkout, Step.PAYMENT))
            await world.ledger.settle(job, outcome)
    return {status: job_id(a_checkout(status.value), Step.PAYMENT) for status in OUTCOMES}


async def standing(world: World, jobs: dict[JobStatus, str]) -> list[JobStatus]:
    return [(await world.job(job)).status for job in jobs.values()]


@pytest.mark.parametrize("state", ["wait", "delayed", "completed", "failed"])
async def test_a_clean_leaves_them(world: World, client: Client, state: str) -> None:
    jobs = await checkouts_jobs(world)
    answer = await client.post("/pedidos/queue/clean", params={"state": state})
    assert answer.status_code == 200, answer.text
    assert await standing(world, jobs) == list(jobs)


@pytest.mark.parametrize("history", ["true", "false"])
async def test_a_reset_leaves_them_and_their_orders(
    world: World, client: Client, history: str
) -> None:
    jobs, checkout = await checkouts_jobs(world), a_checkout()
    await world.shop.orders.create(order_of(checkout), HeldContext().fence)
    await world.ledger.create([NewJob("r:1", "f", "orders", Band.HIGH, {}, scope="r")])
    answer = await client.post("/pedidos/reset", params={"history": history})
    assert answer.status_code == 200, answer.text
    assert await standing(world, jobs) == list(jobs)
    assert await world.ledger.get("r:1") is None
    assert await world.shop.orders.of_checkout(checkout.id) is not None


async def test_an_active_run_that_is_cancelled_takes_none_along(
    world: World, client: Client
) -> None:
    jobs = await checkouts_jobs(world)
    run = await world.started(client)
    await world.ledger.cancel_scope(run.scope)
    assert await standing(world, jobs) == list(jobs)
