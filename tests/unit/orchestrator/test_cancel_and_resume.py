"""Cancel and resume from every phase: nothing of the run goes on, nothing is done twice."""

from __future__ import annotations

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.orders import StatusCounts
from pedidos_common.domain.runs import Phase, Run
from pedidos_worker.handlers import Answer
from tests.unit.orchestrator.test_whole_runs import WORKING
from tests.unit.orchestrator.world import Scripted, Seat, World
from tests.world.ending import ended_well

OPEN = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING)


async def figures_fit(world: World, run: Run) -> None:
    """The run's own totals are those of its orders, by priority."""
    run = await world.run(run)
    for lane, name in (("VIP", "VIP"), ("NORMAL", "Normal")):
        counts = (await world.statuses(run))[lane]  # type: ignore[index]
        kept = [run.figures[f"total{what}{name}"] for what in ("Processed", "Failed")]
        assert kept == [counts.processado, counts.falhou]
        live = run.live[lane.lower()]
        assert [live["processed"], live["failed"]] == kept


@pytest.mark.parametrize("phase", WORKING)
async def test_cancel_deletes_what_is_pendente_and_reports_it(phase: Phase) -> None:
    world = World()
    run = await world.start()
    await world.play_to(phase)
    before = await world.counts(run)
    await world.cancel()
    run = await world.play()
    assert run.phase is Phase.ABORTED
    after = await world.counts(run)
    assert after == StatusCounts(0, before.processado, before.falhou)
    assert run.cancelled is not None
    assert run.cancelled["deletedPending"] == before.pendente
    assert run.cancelled["drained"]
    assert await world.jobs(run, *OPEN) == []
    await figures_fit(world, run)


@pytest.mark.parametrize("phase", WORKING)
async def test_a_cancelled_run_that_kept_its_orders_is_resumed_to_its_end(phase: Phase) -> None:
    world = World(handler_for=lambda _worker: Scripted())
    run = await world.start()
    await world.play_to(phase)
    await world.cancel(remove_pending=False)
    run = await world.play()
    assert run.cancelled is not None
    assert (run.phase, run.cancelled["deletedPending"]) == (Phase.ABORTED, 0)
    await world.advance(3_600)
    await world.resume(run)
    await world.play()
    run = await ended_well(world, run)
    attempts = [record.order.attempts async for record in world.orders.export(run.id)]
    assert set(attempts) == {1}
    for figure in ("generationTimeMs", "enqueueVipTimeMs", "enqueueNormalTimeMs"):
        assert run.figures[figure] >= 0
    if phase is not Phase.GENERATING:  # what was over before did not last till after it
        assert run.figures["generationTimeMs"] < 60_000
    assert run.figures["totalTimeMs"] > 3_600_000


async def test_cancel_waits_for_what_is_running() -> None:
    world = World()
    world.hold(lambda job: ":vip:" in job.id)
    run = await world.start()
    held = await world.held_job(run)
    await world.cancel()
    for _ in range(10):
        await world.turn()
    assert (await world.run(run)).active
    world.let_go()
    run = await world.play()
    assert run.phase is Phase.ABORTED
    job = await world.ledger.get(held.id)
    assert job is not None
    assert job.status is JobStatus.SUCCEEDED
    await figures_fit(world, run)


async def test_a_cancel_while_a_worker_is_lost_ends_once_its_lease_ran_out() -> None:
    world = World(handler_for=lambda _worker: Scripted())
    world.hold(lambda job: ":vip:" in job.id)
    run = await world.start()
    job = await world.held_job(run)
    await world.cancel(remove_pending=False)
    await world.crash(next(worker for worker in world.workers if worker.name == job.worker))
    world.let_go()
    run = await world.play()
    lost = await world.ledger.get(job.id)
    assert lost is not None
    assert lost.status is JobStatus.CANCELLED
    await figures_fit(world, run)
    await world.resume(run)
    await world.play()
    await ended_well(world, run)


async def test_orders_that_ended_in_a_batch_that_never_settled_are_counted() -> None:
    def answer(sequence: int) -> Answer:
        return ValueError("later") if sequence == 3 else None

    world = World(handler_for=lambda _worker: Scripted(answer))
    run = await world.start()
    await world.held_retry(run)
    await world.cancel()
    run = await world.play()
    assert (await world.counts(run)).processado > 0
    await figures_fit(world, run)


async def test_what_was_deleted_is_known_though_the_leader_died_in_the_middle() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    pending = (await world.counts(run)).pendente
    await world.cancel()
    move = world.runs.move

    async def die(*_args: object) -> None:
        raise Unavailable("the leader's process ends here")

    world.runs.move = die  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await world.seat.step()
    assert (await world.counts(run)).pendente == 0
    world.runs.move = move  # type: ignore[method-assign]
    await world.seat.leadership.resign()
    world.seat = Seat(world, "two")
    run = await world.play()
    assert run.cancelled is not None
    assert run.cancelled["deletedPending"] == pending > 0


async def test_a_run_is_cancelled_while_the_queue_is_paused() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_NORMAL_DRAIN)
    await world.queue_state.write("paused")
    await world.cancel(purge=True)
    run = await world.play()
    assert run.phase is Phase.ABORTED


@pytest.mark.parametrize("phase", WORKING)
async def test_a_run_that_stalled_is_resumed_to_its_end(phase: Phase) -> None:
    world = World(handler_for=lambda _worker: Scripted())
    run = await world.start()
    await world.play_to(phase)
    workers, world.workers = world.workers, []
    run = await world.play(seconds=5)
    assert run.phase is Phase.ERROR
    assert "no progress for" in str(run.error)
    world.workers = workers
    await world.seat.aftermath.settle()
    assert await world.jobs(run, *OPEN) == []
    await world.resume(run)
    await world.play()
    await ended_well(world, run)


async def test_what_ends_after_the_run_failed_is_in_its_figures() -> None:
    world = World(handler_for=lambda _worker: Scripted())
    world.hold(lambda job: ":vip:" in job.id)
    run = await world.start()
    await world.held_job(run)
    run = await world.play(seconds=3)
    assert run.phase is Phase.ERROR
    await world.seat.aftermath.settle()
    assert (await world.run(run)).receipt is None  # not while something is running
    world.let_go()
    await world.quiet()
    assert (await world.counts(run)).processado > 0
    await world.seat.aftermath.settle()
    await figures_fit(world, run)
    receipt = (await world.run(run)).receipt
    assert receipt is not None
    assert receipt["balanced"]


async def test_a_batch_that_is_cancelled_in_an_open_run_is_queued_again() -> None:
    """A worker may ask about the run just before it is resumed, and cancel the batch after."""
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_NORMAL_DRAIN)
    assert await world.ledger.cancel_scope(run.scope) > 0
    await world.play()
    await ended_well(world, run)


async def test_cancel_twice_keeps_what_the_first_one_deleted() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    pending = (await world.counts(run)).pendente
    await world.runs.annotate(
        run.id, {"cancelled": {"removePending": True, "deletedPending": pending}}
    )
    await world.orders.delete_pending(OrderRange(run.id, 1, 20))
    await world.cancel(remove_pending=False)
    run = await world.play()
    assert run.cancelled is not None
    assert run.cancelled["deletedPending"] == pending
