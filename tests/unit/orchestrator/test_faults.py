"""Orders that kill workers, runs that stall, handlers that are slow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pedidos_common.domain.jobs import Band, JobStatus, NewJob
from pedidos_common.domain.orders import Order, StatusCounts
from pedidos_common.domain.run_jobs import ORDERS_QUEUE, PROCESS_ORDERS
from pedidos_common.domain.runs import Phase
from pedidos_worker.handlers import Answer
from tests.unit.orchestrator.world import STALL_SECONDS, Deadly, World
from tests.world.ending import ended_well


def deadly_world(*sequences: int) -> World:
    return World(
        handler_for=lambda worker: Deadly(frozenset(sequences), worker.die),
    )


@pytest.mark.parametrize("deadly", [(2,), (15,), (3, 18)])
async def test_an_order_that_kills_its_worker_is_found_and_alone_becomes_a_dead_letter(
    deadly: tuple[int, ...],
) -> None:
    world = deadly_world(*deadly)
    run = await world.start(quantity=20, chunk=10, batch=10, group=10)
    percents = []
    for _ in range(3_000):
        found = await world.run(run)
        if not found.active:
            break
        percents.append(found.live.get("vip", {}).get("processed", 0))
        await world.turn(1.0)
    await ended_well(world, run)
    assert await world.counts(run) == StatusCounts(0, 20 - len(deadly), len(deadly))
    async for record in world.orders.export(run.id):
        sequence = record.order.id.int & 0xFF
        assert (record.status == "falhou") is (sequence in deadly)
        if sequence in deadly:
            assert "its worker was lost" in str(record.error)
    assert percents == sorted(percents)


async def test_dead_letters_that_are_sent_again_do_not_drag_each_other_down() -> None:
    world = deadly_world(4)
    run = await world.start(quantity=10, chunk=10, batch=10, group=10)
    await world.play(seconds=1.0)
    ids = [record.order.id async for record in world.orders.export(run.id)]
    for order_id in ids[:8]:  # eight dead letters, one of which kills
        record = await world.orders.get(order_id)
        assert record is not None
        if record.status == "processado":
            world.orders._records[order_id] = world.orders._dead(record)
    revived = await world.orders.revive(ids[:8])
    assert len(revived) == 8
    job = NewJob(
        "redrive:1",
        PROCESS_ORDERS,
        ORDERS_QUEUE,
        Band.NORMAL,
        {"orderIds": [str(order.id) for order in revived]},
    )
    await world.transport.ring(await world.ledger.create([job]))
    for _ in range(300):
        await world.turn(1.0)
    done = await world.ledger.get("redrive:1")
    assert done is not None
    assert done.status is JobStatus.FAILED
    assert (done.result["processed"], done.result["failed"]) == (7, 1)
    statuses = [record.status async for record in world.orders.export(run.id)]
    assert sorted(statuses) == ["falhou", *["processado"] * 9]


async def test_a_run_without_workers_ends_in_error_with_the_reason() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_VIP_DRAIN)
    workers, world.workers = world.workers, []
    run = await world.play(seconds=1.0)
    assert run.phase is Phase.ERROR
    assert "no progress for 6" in str(run.error)
    at = {change.phase: change.at for change in run.history}
    silent = (at[Phase.ERROR] - at[Phase.WAITING_VIP_DRAIN]).total_seconds()
    assert STALL_SECONDS <= silent < STALL_SECONDS + 5
    world.workers = workers


async def test_a_paused_run_does_not_stall() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_VIP_DRAIN)
    await world.queue_state.write("paused")
    for _ in range(int(2 * STALL_SECONDS)):
        await world.turn(1.0)
    assert (await world.run(run)).active
    await world.queue_state.write("running")
    await world.play()
    await ended_well(world, run)


@dataclass
class Slow:
    """A handler that takes many seconds for each order, one after the other."""

    world: World
    seconds: float
    name: str = "slow"
    slice_size: int = 1

    async def answer(self, orders: Sequence[Order], timeout_seconds: float) -> Sequence[Answer]:
        until = self.world.clock.after(self.seconds)
        while self.world.clock() < until:  # noqa: ASYNC110 - time is moved by hand
            await asyncio.sleep(0)
        return [None] * len(orders)


async def test_a_slow_batch_that_goes_on_is_not_stalled() -> None:
    world = World()
    world.handler_for = lambda _worker: Slow(world, seconds=STALL_SECONDS / 4)
    world.workers = [world._new_worker()]
    run = await world.start(quantity=10, chunk=10, batch=10, group=10)
    await world.play(seconds=1.0)
    run = await ended_well(world, run)
    assert run.figures["totalTimeMs"] > 2_000 * STALL_SECONDS


async def test_a_batch_that_hangs_stalls_the_run() -> None:
    world = World()
    world.handler_for = lambda _worker: Slow(world, seconds=1e6)
    world.workers = [world._new_worker()]
    await world.start(quantity=10, chunk=10, batch=10, group=10)
    run = await world.play(seconds=1.0)
    assert run.phase is Phase.ERROR
