"""After a run: its receipt, the webhook's job, retention, and what zombies leave."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from pedidos_common.domain.ids import OrderRange, new_run_id, order_id
from pedidos_common.domain.jobs import Job, JobStatus
from pedidos_common.domain.orders import StatusCounts, Tier
from pedidos_common.domain.run_jobs import NOTIFY_RUN_ENDED, chunk_job
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.ports import ImportRow, JobFilter
from pedidos_common.testing.in_memory_orders import PlainChunk
from pedidos_orchestrator.engine.housekeeping import Chore, Housekeeping, Retention, remove_expired
from pedidos_orchestrator.engine.zombies import ZombieSweep
from tests.unit.orchestrator.world import World

DAY = 86_400


async def webhooks(world: World) -> list[Job]:
    page = await world.ledger.page(JobFilter(function=NOTIFY_RUN_ENDED), 100, None)
    return sorted(page.items, key=lambda job: job.id)


async def done(world: World) -> Run:
    await world.start()
    return await world.play()


async def test_each_end_of_a_run_has_one_receipt_and_one_webhook_job() -> None:
    world = World()
    run = await done(world)
    for _ in range(3):
        await world.seat.aftermath.settle()
    run = await world.run(run)
    assert run.receipt == {
        "accepted": 20,
        "generated": 20,
        "processed": 20,
        "failed": 0,
        "pending": 0,
        "deletedByCancel": 0,
        "balanced": True,
        "resumes": 0,
    }
    (job,) = await webhooks(world)
    assert (job.payload["phase"], job.payload["runId"]) == ("DONE", run.scope)
    assert job.payload["receipt"]["balanced"]


async def test_a_run_that_a_next_one_followed_at_once_gets_its_receipt_too() -> None:
    world = World()
    first = await done(world)
    await world.advance(1)
    await world.start()
    await world.seat.aftermath.settle()
    assert (await world.run(first)).receipt is not None
    assert len(await webhooks(world)) == 1


async def test_a_resumed_run_is_told_about_at_both_ends() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    await world.cancel(remove_pending=False)
    run = await world.play()
    await world.seat.aftermath.settle()
    await world.resume(run)
    run = await world.play()
    await world.seat.aftermath.settle()
    assert [job.payload["phase"] for job in await webhooks(world)] == ["ABORTED", "DONE"]
    receipt = (await world.run(run)).receipt
    assert receipt is not None
    assert (receipt["processed"], receipt["balanced"], receipt["resumes"]) == (20, True, 1)


async def test_a_receipt_that_comes_late_is_not_taken_for_the_next_ends() -> None:
    """The run is resumed while its receipt is being counted."""
    world = World()
    run = await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    await world.cancel(remove_pending=False)
    run = await world.play()
    count = world.orders.count

    async def resumed_meanwhile(orders: OrderRange) -> StatusCounts:
        world.orders.count = count  # type: ignore[method-assign]
        await world.resume(run)
        return await count(orders)

    world.orders.count = resumed_meanwhile  # type: ignore[method-assign]
    await world.seat.aftermath.settle()
    assert (await world.run(run)).receipt is None
    run = await world.play()
    await world.seat.aftermath.settle()
    assert (await world.run(run)).receipt is not None
    assert [job.payload["phase"] for job in await webhooks(world)] == ["DONE"]


async def test_orders_that_are_missing_unbalance_the_receipt() -> None:
    world = World()
    run = await done(world)
    await world.orders.delete(OrderRange(run.id, 7, 7))
    await world.seat.aftermath.settle()
    receipt = (await world.run(run)).receipt
    assert receipt is not None
    assert not receipt["balanced"]


async def test_a_run_that_a_reset_hid_gets_no_receipt() -> None:
    world = World()
    run = await done(world)
    await world.runs.forget(history=False)
    await world.orders.delete(None)
    await world.seat.aftermath.settle()
    assert (await world.run(run)).receipt is None
    assert await webhooks(world) == []


async def test_a_run_that_was_cancelled_before_it_did_anything_gets_its_receipt() -> None:
    world = World()
    run = await world.start()
    await world.cancel()
    run = await world.play()
    await world.seat.aftermath.settle()
    receipt = (await world.run(run)).receipt
    assert receipt is not None
    assert (receipt["generated"], receipt["balanced"]) == (0, True)


@pytest.mark.parametrize("remove_pending", [True, False])
async def test_rows_of_an_import_go_with_a_run_that_can_not_be_resumed(
    remove_pending: bool,
) -> None:
    world = World()
    run = await aborted(world, remove_pending)
    await world.imports.begin("imp", "a.csv")
    await world.imports.append("imp", [ImportRow(2, "Ana", 1, "OURO")])
    imported = replace(run, plan=replace(run.plan, import_id="imp"))
    world.runs._runs[run.id] = imported
    await world.seat.aftermath.settle()
    assert await world.imports.holding("Ana") == ([] if remove_pending else ["imp"])


# -- retention


async def test_retention_removes_old_orders_and_jobs_only() -> None:
    world = World()
    old = await done(world)
    world.clock.advance(10 * DAY)
    young = await done(world)
    retention = Retention(orders_days=5, jobs_days=5)
    await remove_expired(world.runs, world.orders, world.ledger, retention)
    assert (await world.counts(old)).total == 0
    assert await world.jobs(old) == []
    assert (await world.counts(young)).processado == 20
    assert len(await world.jobs(young)) > 0


async def test_a_run_says_that_retention_removed_its_orders() -> None:
    world = World()
    old = [await done(world), await done(world)]
    world.clock.advance(10 * DAY)
    young = await done(world)
    retention = Retention(orders_days=5, jobs_days=5)
    for _ in range(2):
        await remove_expired(world.runs, world.orders, world.ledger, retention)
        world.clock.advance(1)
    marks = [(await world.run(run)).figures.get("ordersExpired") for run in [*old, young]]
    assert marks[0] == marks[1] is not None
    assert marks[2] is None


async def test_retention_spares_a_run_that_is_resumed_while_it_looks() -> None:
    world = World()
    run = await aborted(world, remove_pending=False)
    before = await world.counts(run)
    world.clock.advance(10 * DAY)
    active, looks = world.runs.active, []

    async def resumed_meanwhile() -> Run | None:
        found = await active()
        looks.append(found)
        if len(looks) == 1:
            await world.resume(run)
        return found

    world.runs.active = resumed_meanwhile  # type: ignore[method-assign]
    retention = Retention(orders_days=5, jobs_days=0)
    await remove_expired(world.runs, world.orders, world.ledger, retention)
    assert await world.counts(run) == before
    assert (await world.run(run)).figures.get("ordersExpired") is None


async def test_a_run_says_what_retention_removed_of_it() -> None:
    world = World()
    old = await done(world)
    world.clock.advance(10 * DAY)
    young = await done(world)

    async def marks(run: Run, **days: int) -> set[str]:
        retention = Retention(**days)
        await remove_expired(world.runs, world.orders, world.ledger, retention)
        return {"jobsExpired", "ordersExpired"} & set((await world.run(run)).figures)

    assert await marks(old, orders_days=0, jobs_days=5) == {"jobsExpired"}
    assert await marks(old, orders_days=5, jobs_days=5) == {"jobsExpired", "ordersExpired"}
    assert await marks(young, orders_days=5, jobs_days=5) == set()


async def test_retention_removes_nothing_of_a_run_that_still_goes_on() -> None:
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_NORMAL_DRAIN)
    before, jobs = await world.counts(run), await world.jobs(run)
    await world.queue_state.write("paused")
    world.clock.advance(30 * DAY)
    retention = Retention(orders_days=5, jobs_days=5)
    await remove_expired(world.runs, world.orders, world.ledger, retention)
    assert (await world.counts(run), await world.jobs(run)) == (before, jobs)


async def test_without_retention_everything_stays() -> None:
    world = World()
    run = await done(world)
    world.clock.advance(400 * DAY)
    await remove_expired(world.runs, world.orders, world.ledger, Retention(0, 0))
    assert (await world.counts(run)).processado == 20


# -- zombies


async def zombie_chunk(world: World, run_id: UUID, first: int = 1, last: int = 10) -> None:
    """What a generator that lost its lease long ago inserts."""
    orders = [world._order(run_id, n, Tier.OURO) for n in range(first, last + 1)]
    chunk = PlainChunk(OrderRange(run_id, first, last), orders)
    await world.orders.insert_chunk(chunk, redelivered=True)


def sweep_of(world: World) -> ZombieSweep:
    return ZombieSweep(world.runs, world.orders, world.ledger, world.monotonic)


async def aborted(world: World, remove_pending: bool = True) -> Run:
    await world.start()
    await world.play_to(Phase.ENQUEUE_NORMAL)
    await world.cancel(remove_pending=remove_pending)
    return await world.play()


async def test_orders_that_a_zombie_wrote_into_a_cancelled_run_are_removed() -> None:
    world = World()
    run = await aborted(world)
    before = await world.counts(run)
    await zombie_chunk(world, run.id)
    assert (await world.counts(run)).pendente > 0
    await sweep_of(world).sweep()
    assert await world.counts(run) == before


async def test_a_cancelled_run_that_kept_its_orders_keeps_them() -> None:
    world = World()
    run = await aborted(world, remove_pending=False)
    before = await world.counts(run)
    assert before.pendente > 0
    await sweep_of(world).sweep()
    assert await world.counts(run) == before


async def test_orders_that_a_redrive_revived_are_not_taken_for_a_zombies() -> None:
    world = World()
    run = await aborted(world)
    failed = order_id(run.id, 1)
    world.orders._records[failed] = world.orders._dead(world.orders._records[failed])
    await world.orders.revive([failed])
    await sweep_of(world).sweep()
    record = await world.orders.get(failed)
    assert record is not None
    assert record.status == "pendente"


async def test_a_run_of_which_a_redrive_revived_orders_can_still_be_resumed() -> None:
    world = World()
    run = await world.start()
    await world.cancel()  # before anything was written: nothing deleted
    run = await world.play()
    await zombie_chunk(world, run.id, last=1)
    failed = order_id(run.id, 1)
    world.orders._records[failed] = world.orders._dead(world.orders._records[failed])
    await world.orders.revive([failed])
    await sweep_of(world).sweep()
    assert (await world.run(run)).resumable


async def test_jobs_that_a_zombie_made_for_a_swept_run_are_cancelled() -> None:
    world = World()
    run = await aborted(world)
    late = chunk_job(run, 7)
    await world.ledger.create([late])
    await zombie_chunk(world, run.id)
    await sweep_of(world).sweep()
    job = await world.ledger.get(late.id)
    assert job is not None
    assert job.status is JobStatus.CANCELLED


@pytest.mark.parametrize("history", [True, False])
async def test_orders_that_a_zombie_wrote_after_a_reset_are_removed(history: bool) -> None:
    world = World()
    run = await done(world)
    await world.runs.forget(history)
    await world.orders.delete(None)
    await world.ledger.remove()
    await zombie_chunk(world, run.id)
    await world.advance(1)
    other = await done(world)
    await sweep_of(world).sweep()
    assert (await world.counts(run)).total == 0
    assert (await world.counts(other)).processado == 20


async def test_what_is_done_is_never_swept_even_of_a_run_that_nobody_knows() -> None:
    world = World()
    run = await done(world)
    await world.runs.forget(history=True)
    await sweep_of(world).sweep()
    assert (await world.counts(run)).processado == 20


async def test_a_run_that_is_resumed_during_the_sweep_keeps_its_orders() -> None:
    world = World()
    run = await world.start()
    await world.cancel()  # before anything was written: nothing deleted, so it can be resumed
    run = await world.play()
    await zombie_chunk(world, run.id)
    page = world.orders.page

    async def resumed_meanwhile(*args: object) -> object:
        if args[1] != 1:
            world.orders.page = page  # type: ignore[method-assign]
            await world.resume(run)
        return await page(*args)  # type: ignore[arg-type]

    world.orders.page = resumed_meanwhile  # type: ignore[method-assign, assignment]
    await sweep_of(world).sweep()
    assert (await world.counts(run)).pendente == 10
    assert (await world.run(run)).cancelled is None


async def test_a_swept_run_can_not_be_resumed_as_if_nothing_was_deleted() -> None:
    world = World()
    run = await world.start()
    await world.cancel()
    run = await world.play()
    await zombie_chunk(world, run.id)
    await sweep_of(world).sweep()
    cancelled = (await world.run(run)).cancelled
    assert cancelled is not None
    assert cancelled["deletedPending"] > 0


async def test_clean_runs_are_looked_at_less_and_less_often() -> None:
    world = World()
    run = await aborted(world)
    sweep, scans = sweep_of(world), 0
    page = world.orders.page

    async def counted(*args: object) -> object:
        nonlocal scans
        scans += args[1] != 1
        return await page(*args)  # type: ignore[arg-type]

    world.orders.page = counted  # type: ignore[method-assign, assignment]
    for _ in range(24 * 60):
        await sweep.sweep()
        world.clock.advance(60)
    assert 5 < scans < 15
    await zombie_chunk(world, run.id)
    world.clock.advance(2 * DAY)
    await sweep.sweep()
    assert (await world.counts(run)).pendente == 0


async def test_the_sweep_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pedidos_orchestrator.engine.zombies.RUNS_AT_ONCE", 2)
    world = World()
    strangers = [new_run_id(1_700_000_000_000 + number, number) for number in range(5)]
    for stranger in strangers:
        await zombie_chunk(world, stranger, 1, 2)
    sweep = sweep_of(world)
    for _ in range(3):
        await sweep.sweep()
    assert world.orders._records == {}


# -- the leader's chores


async def test_chores_are_done_by_the_leader_when_they_are_due_and_survive_failures() -> None:
    world = World()
    done_at: list[float] = []

    async def chore() -> None:
        done_at.append(world.monotonic())
        raise ValueError("a bug")

    keeping = Housekeeping(world.seat.leadership, [Chore("x", 60.0, chore)], world.monotonic)
    await keeping.round()
    assert done_at == []
    for _ in range(260):
        await world.seat.lead()
        await keeping.round()
        world.clock.advance(0.5)
    assert [at - done_at[0] for at in done_at] == [0, 60, 120]
    assert keeping.failures == 3


async def test_the_jobs_of_a_dead_run_are_cancelled_before_its_receipt() -> None:
    world = World(fails_chunk=lambda index: index == 0)
    await world.start(quantity=60)
    run = await world.play()
    assert run.phase is Phase.ERROR
    await world.seat.aftermath.settle()
    open_jobs = await world.jobs(run, JobStatus.QUEUED, JobStatus.RETRYING, JobStatus.RUNNING)
    assert open_jobs == []
    assert (await world.run(run)).receipt is not None
