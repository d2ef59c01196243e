"""What the reconciler takes away, rings again, and leaves alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, JobStatus, NewJob, Retry
from pedidos_common.ports import Bell
from pedidos_orchestrator.engine import lost_rings
from pedidos_orchestrator.engine.leader import LEADER_LEASE_SECONDS
from pedidos_orchestrator.engine.reconcile import Patience
from tests.unit.orchestrator.world import LEASE_SECONDS, Seat, World

TRUST_AFTER_SECONDS = Patience.for_lease(LEASE_SECONDS).trust_after_seconds


def a_job(number: int) -> NewJob:
    return NewJob(f"alone:{number}", "work", "orders", Band.NORMAL, {})


async def away(*_args: object) -> int:
    raise Unavailable("MongoDB did not answer")


async def with_lost_job(world: World) -> None:
    """A job whose worker is gone, and whose lease has run out."""
    await world.ledger.create([a_job(1)])
    assert await world.ledger.claim("alone:1", "gone") is not None


async def status(world: World, number: int = 1) -> JobStatus:
    job = await world.ledger.get(f"alone:{number}")
    assert job is not None
    return job.status


async def rounds(world: World, seconds: float, seat: Seat | None = None) -> None:
    """Rounds twice a second for so long."""
    for _ in range(int(seconds * 2)):
        world.clock.advance(0.5)
        await (seat or world.seat).repair()


async def test_a_lease_that_ran_out_is_taken_away_within_a_moment() -> None:
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    await with_lost_job(world)
    await rounds(world, LEASE_SECONDS)
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, 1)
    assert await status(world) is JobStatus.QUEUED
    assert world.seat.reconciler.expired == 1
    assert [bell.job_id for bell in world.transport.heard] == ["alone:1"]


async def test_a_leader_that_has_just_started_takes_nothing_away_for_a_while() -> None:
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    await with_lost_job(world)
    await world.seat.leadership.resign()
    world.clock.advance(3 * LEASE_SECONDS)
    world.seat = Seat(world, "two")
    await rounds(world, TRUST_AFTER_SECONDS)
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, 1.5)
    assert await status(world) is JobStatus.QUEUED


async def test_one_that_waited_to_lead_takes_away_at_once_what_died_with_the_leader() -> None:
    """It has seen the server answer all the while, so who is silent is gone."""
    world = World()
    await rounds(world, LEASE_SECONDS)
    standby = Seat(world, "two")
    await rounds(world, TRUST_AFTER_SECONDS + 1)
    await with_lost_job(world)
    for _ in range(round(4 * LEASE_SECONDS / LEADER_LEASE_SECONDS)):  # the leader is gone too
        await standby.lead()
        world.clock.advance(LEADER_LEASE_SECONDS / 4)
    await rounds(world, 0.5, standby)
    assert await status(world) is JobStatus.QUEUED


async def test_one_that_waited_while_the_server_was_away_takes_nothing_away_for_a_while() -> None:
    world = World()
    await rounds(world, LEASE_SECONDS)
    standby = Seat(world, "two")
    await standby.lead()
    await with_lost_job(world)
    acquire = world.leader_lease.acquire
    world.leader_lease.acquire = away  # type: ignore[method-assign, assignment]
    world.clock.advance(LEADER_LEASE_SECONDS / 4)
    with pytest.raises(Unavailable):
        await standby.lead()
    world.clock.advance(2 * LEASE_SECONDS)
    world.leader_lease.acquire = acquire  # type: ignore[method-assign]
    await rounds(world, TRUST_AFTER_SECONDS, standby)
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, 1.5, standby)
    assert await status(world) is JobStatus.QUEUED


async def test_after_an_outage_nothing_is_taken_away_for_a_while() -> None:
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    await with_lost_job(world)
    release_due = world.ledger.release_due
    world.ledger.release_due = away  # type: ignore[method-assign, assignment]
    for _ in range(6):
        world.clock.advance(0.5)
        with pytest.raises(Unavailable):
            await world.seat.repair()
    world.ledger.release_due = release_due  # type: ignore[method-assign]
    await rounds(world, TRUST_AFTER_SECONDS - 0.5)
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, LEASE_SECONDS)
    assert await status(world) is JobStatus.QUEUED


async def test_after_an_outage_in_which_nobody_led_nothing_is_taken_away_for_a_while() -> None:
    """The leader's own lease runs out meanwhile, and it gets the same epoch back."""
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    epoch = world.seat.leadership.epoch
    await with_lost_job(world)
    world.clock.advance(10 * LEASE_SECONDS)
    assert world.seat.leadership.epoch is None
    await rounds(world, TRUST_AFTER_SECONDS)
    assert world.seat.leadership.epoch == epoch
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, 1.5)
    assert await status(world) is JobStatus.QUEUED


async def test_a_leader_that_hung_takes_nothing_away_for_a_while() -> None:
    """As one that was frozen together with everyone else."""
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    await with_lost_job(world)
    world.clock.advance(2 * LEASE_SECONDS)
    await rounds(world, TRUST_AFTER_SECONDS)
    assert await status(world) is JobStatus.RUNNING
    await rounds(world, 1.5)
    assert await status(world) is JobStatus.QUEUED


async def test_a_broker_that_is_away_does_not_hold_up_lost_leases() -> None:
    world = World()
    await rounds(world, 2 * LEASE_SECONDS)
    await with_lost_job(world)
    world.transport.down = Unavailable("Redis did not answer")
    for _ in range(2 * int(LEASE_SECONDS) + 2):
        world.clock.advance(0.5)
        with pytest.raises(Unavailable):
            await world.seat.repair()
    assert await status(world) is JobStatus.QUEUED
    world.transport.down = None
    await rounds(world, 2)
    assert [bell.job_id for bell in world.transport.heard] == ["alone:1"]


async def test_a_retry_is_rung_when_it_is_due() -> None:
    world = World()
    await world.ledger.create([a_job(1)])
    job = await world.ledger.claim("alone:1", "w")
    assert job is not None
    await world.ledger.settle(job, Retry("away", 5))
    await rounds(world, 4.5)
    assert world.transport.heard == []
    await rounds(world, 1)
    assert [bell.ring for bell in world.transport.heard] == [2]
    assert world.seat.reconciler.due == 1


async def test_a_ring_that_the_broker_still_holds_is_not_repeated() -> None:
    world = World()
    await world.transport.ring(await world.ledger.create([a_job(1)]))
    await rounds(world, 60)
    assert len(world.transport.heard) == 1
    assert world.seat.reconciler.rung == 0


async def test_what_a_broker_forgot_as_a_whole_is_rung_in_the_very_next_round() -> None:
    world = World()
    await rounds(world, 1)
    await world.transport.ring(await world.ledger.create([a_job(n) for n in range(3)]))
    world.clock.advance(0.1)
    world.transport.forget_all()
    await world.seat.repair()
    assert len(world.transport.heard) == 6
    assert world.seat.reconciler.rung == 3
    await rounds(world, 60)
    assert len(world.transport.heard) == 6


async def test_a_large_backlog_that_the_broker_lost_is_rung_in_one_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 4)
    world = World()
    await world.ledger.create([a_job(number) for number in range(30)])
    world.clock.advance(2)
    await world.seat.repair()
    assert len({bell.job_id for bell in world.transport.heard}) == 30


async def test_a_large_backlog_that_waits_is_looked_through_a_page_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 4)
    world = World()
    await world.transport.ring(await world.ledger.create([a_job(n) for n in range(30)]))
    asked: list[int] = []
    missing = world.transport.missing

    async def counted(bells: Sequence[Bell]) -> Sequence[Bell]:
        asked.append(len(bells))
        return await missing(bells)

    world.transport.missing = counted  # type: ignore[method-assign]
    world.clock.advance(2)
    await world.seat.repair()
    assert asked == [4]


async def test_a_failed_round_is_counted_and_the_next_one_works() -> None:
    world = World()
    await world.seat.lead()
    world.transport.down = Unavailable("away")
    await world.seat.reconciler._guarded_round()
    world.transport.down = None
    world.ledger.release_due = broken  # type: ignore[method-assign, assignment]
    await world.seat.reconciler._guarded_round()
    assert world.seat.reconciler.failures == 2


async def broken(_limit: int) -> Sequence[Bell]:
    raise ValueError("a bug")
