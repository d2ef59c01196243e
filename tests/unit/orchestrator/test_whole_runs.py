"""Whole runs in the small world: they end DONE, with counts that are those of the store."""

from __future__ import annotations

import pytest

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.orders import StatusCounts
from pedidos_common.domain.runs import Phase
from pedidos_orchestrator.engine.run_engine import Pace
from pedidos_worker.handlers import Answer
from tests.unit.orchestrator.world import LEASE_SECONDS, Scripted, Seat, World
from tests.world.ending import ended_well

FORWARD = [
    Phase.GENERATING,
    Phase.ENQUEUE_VIP,
    Phase.WAITING_VIP_DRAIN,
    Phase.ENQUEUE_NORMAL,
    Phase.WAITING_NORMAL_DRAIN,
    Phase.DONE,
]
WORKING = FORWARD[:-1]


@pytest.mark.parametrize(
    ("quantity", "chunk", "batch", "group", "vip_share"),
    [
        (20, 10, 3, 6, 0.3),
        (20, 10, 3, 6, 0.0),  # no VIP order
        (20, 10, 3, 6, 1.0),  # no NORMAL order
        (1, 10, 3, 6, 0.0),
        (1, 10, 3, 6, 1.0),
        (7, 10, 3, 6, 0.4),  # less than a chunk
        (20, 3, 50, 6, 0.3),  # chunks smaller than batches
        (12, 5, 1, 1, 0.3),  # one job an order
        (12, 1, 1, 100, 0.5),  # one chunk an order
    ],
)
async def test_a_run_ends_with_counts_equal_to_the_store(
    quantity: int, chunk: int, batch: int, group: int, vip_share: float
) -> None:
    world = World(vip_share=vip_share)
    run = await world.start(quantity, chunk, batch, group)
    await world.play()
    run = await ended_well(world, run)
    assert [change.phase for change in run.history] == FORWARD
    assert await world.counts(run) == StatusCounts(0, quantity, 0)
    assert run.figures["totalProcessedVIP"] + run.figures["totalProcessedNormal"] == quantity
    assert run.figures["totalTimeMs"] > 0
    await world.seat.aftermath.settle()
    receipt = (await world.run(run)).receipt
    assert receipt is not None
    assert receipt["balanced"]


async def test_an_empty_lane_has_no_window_and_no_time() -> None:
    world = World(vip_share=0.0)
    run = await world.start()
    await world.play()
    run = await ended_well(world, run)
    assert run.figures["startVIP"] is None
    assert run.figures["processingTimeVIPMs"] is None
    assert run.figures["enqueueVipTimeMs"] == 0
    assert run.figures["totalProcessedVIP"] == 0


async def test_phases_that_are_over_pass_without_waiting() -> None:
    world = World(vip_share=0.0)
    run = await world.start(quantity=3)
    await world.seat.step()
    await world.deliver()
    paces = [await world.seat.step() for _ in range(5)]
    assert paces == [Pace.AT_ONCE] * 4 + [Pace.WAITING]
    assert (await world.run(run)).phase is Phase.WAITING_NORMAL_DRAIN


async def test_rings_that_are_lost_are_rung_again() -> None:
    world = World()
    heard: set[tuple[str, int]] = set()

    def first_of_each(job_id: str, ring: int) -> bool:
        is_new = (job_id, 0) not in heard
        heard.add((job_id, 0))
        return is_new and ring == 1

    world.transport.drops = lambda bell: first_of_each(bell.job_id, bell.ring)
    run = await world.start()
    await world.play()
    await ended_well(world, run)
    jobs = await world.jobs(run)
    assert world.seat.reconciler.rung == len(jobs)
    assert {job.deliveries for job in jobs} == {1}


async def test_rings_that_come_twice_do_nothing_twice() -> None:
    world = World()
    world.transport.repeats = lambda _bell: True
    run = await world.start()
    await world.play()
    await ended_well(world, run)
    assert {job.deliveries for job in await world.jobs(run)} == {1}


async def test_a_broker_that_forgets_everything_again_and_again_only_delays() -> None:
    world = World()
    run = await world.start()
    for number in range(400):
        if number % 5 == 0:
            world.transport.forget_all()
        if not (await world.run(run)).active:
            break
        await world.turn()
    await ended_well(world, run)


async def test_what_a_lost_worker_held_is_done_by_another_once() -> None:
    world = World(handler_for=lambda _worker: Scripted())
    world.hold(lambda job: ":vip:" in job.id)
    run = await world.start()
    job = await world.held_job(run)
    lost = next(worker for worker in world.workers if worker.name == job.worker)
    await world.crash(lost)
    world.let_go()
    await world.play()
    run = await ended_well(world, run)
    again = await world.ledger.get(job.id)
    assert again is not None
    assert (again.lost, again.deliveries, again.status) == (1, 2, JobStatus.SUCCEEDED)
    attempts = [record.order.attempts async for record in world.orders.export(run.id)]
    assert set(attempts) == {1}


async def test_failing_orders_become_dead_letters_and_neighbours_do_not_care() -> None:
    calls: dict[int, int] = {}

    def answer(sequence: int) -> Answer:
        calls[sequence] = calls.get(sequence, 0) + 1
        if sequence % 7 == 0:
            return PermanentOrderError("blocked")
        if sequence == 3:
            return ValueError("always")
        return ConnectionError("away") if sequence == 5 and calls[sequence] == 1 else None

    world = World(handler_for=lambda _worker: Scripted(answer))
    run = await world.start()
    await world.play()
    run = await ended_well(world, run)
    assert await world.counts(run) == StatusCounts(0, 17, 3)
    assert (calls[7], calls[3], calls[5], calls[4]) == (1, 3, 2, 1)
    assert run.figures["totalFailedVIP"] + run.figures["totalFailedNormal"] == 3


async def test_a_vip_order_in_backoff_holds_the_barrier() -> None:
    world = World(
        handler_for=lambda _worker: Scripted(lambda n: ValueError("x") if n == 1 else None)
    )
    run = await world.start()
    await world.play_to(Phase.WAITING_VIP_DRAIN)
    await world.deliver()
    for _ in range(3):
        await world.seat.step()
        await world.deliver()
    assert [job.id for job in await world.jobs(run) if ":normal:" in job.id] == []
    await world.play()
    await ended_well(world, run)


async def test_a_pause_stops_new_work_until_resume() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_VIP_DRAIN)
    await world.queue_state.write("paused")
    before = await world.counts(run)
    for _ in range(20):
        await world.turn()
    assert await world.counts(run) == before
    await world.queue_state.write("running")
    await world.play()
    await ended_well(world, run)


@pytest.mark.parametrize("phase", WORKING)
async def test_another_orchestrator_goes_on_from_any_phase(phase: Phase) -> None:
    world = World()
    run = await world.start()
    await world.play_to(phase)
    old, world.seat = world.seat, Seat(world, "two")
    await old.leadership.resign()
    await world.play()
    await ended_well(world, run)
    assert await old.step() is Pace.IDLE


@pytest.mark.parametrize("phase", WORKING)
async def test_a_restarted_engine_goes_on_from_any_phase(phase: Phase) -> None:
    world = World()
    run = await world.start()
    await world.play_to(phase)
    world.seat.engine.forget()
    await world.play()
    await ended_well(world, run)


async def test_a_leader_that_was_replaced_changes_nothing_any_more() -> None:
    world = World()
    run = await world.start()
    old_epoch = await world.seat.lead()
    assert old_epoch is not None
    await world.seat.engine.step(old_epoch)
    old, world.seat = world.seat, Seat(world, "two")
    await old.leadership.resign()
    await world.seat.step()
    await world.deliver()
    before = await world.run(run)
    await world.advance(1)
    await old.engine.step(old_epoch)
    assert await world.run(run) == before
    await world.play()
    await ended_well(world, run)


async def test_a_chunk_that_can_not_be_written_ends_the_run_which_can_be_resumed() -> None:
    broken = {0}
    world = World(fails_chunk=lambda index: index in broken)
    run = await world.start()
    run = await world.play()
    assert run.phase is Phase.ERROR
    assert "chunk 0 could not be written: OSError: disk full" in str(run.error)
    broken.clear()
    resumed = await world.resume(run)
    assert (resumed.phase, resumed.error) == (Phase.GENERATING, None)
    await world.play()
    await ended_well(world, run)


async def test_no_lease_is_taken_away_while_its_worker_lives() -> None:
    world = World()
    world.hold(lambda job: ":vip:" in job.id)
    run = await world.start()
    job = await world.held_job(run)
    for _ in range(12):
        await world.turn(LEASE_SECONDS / 4)
    held = await world.ledger.get(job.id)
    assert held is not None
    assert (held.status, held.lost) == (JobStatus.RUNNING, 0)
    world.let_go()
    await world.play()
    await ended_well(world, run)
