"""What the reconciler takes away, rings again, and leaves alone."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, JobStatus, NewJob, Retry, Succeeded
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


# --- what was left to follow


async def with_follow_ups_left(world: World) -> None:
    """A job whose settler died before it made what follows."""
    await world.ledger.create([a_job(1)])
    job = await world.ledger.claim("alone:1", "gone")
    assert job is not None
    later = replace(a_job(3), delay_seconds=60.0)
    await world.ledger.settle(job, Succeeded({}, (a_job(2), later)))


async def test_what_was_left_to_follow_is_created_after_a_moment_and_rung() -> None:
    world = World()
    await with_follow_ups_left(world)
    await rounds(world, 1)
    assert await world.ledger.get("alone:2") is None, "its settler may be about to"
    await rounds(world, 1)
    assert await status(world, 2) is JobStatus.QUEUED
    assert await status(world, 3) is JobStatus.RETRYING
    assert [bell.job_id for bell in world.transport.heard] == ["alone:2"]
    await rounds(world, 30)
    assert world.seat.reconciler.followed == 1
    assert [bell.job_id for bell in world.transport.heard] == ["alone:2"]


@pytest.mark.parametrize("end", [None, JobStatus.SUCCEEDED])
async def test_what_follows_and_is_there_already_is_left_alone(end: JobStatus | None) -> None:
    world = World()
    await with_follow_ups_left(world)
    await world.ledger.create([a_job(2)])
    running = await world.ledger.claim("alone:2", "w")
    assert running is not None
    if end is not None:
        await world.ledger.settle(running, Succeeded({"n": 2}))
    await rounds(world, 3)
    assert await status(world, 2) is (end or JobStatus.RUNNING)
    assert await status(world, 3) is JobStatus.RETRYING
    assert world.transport.heard == []


async def test_a_broker_that_is_away_does_not_hold_up_what_follows() -> None:
    world = World()
    await with_follow_ups_left(world)
    world.transport.down = Unavailable("Redis did not answer")
    for _ in range(6):
        world.clock.advance(0.5)
        with contextlib.suppress(Unavailable):
            await world.seat.repair()
    assert await status(world, 2) is JobStatus.QUEUED
    world.transport.down = None
    await rounds(world, 2.5)
    assert [bell.job_id for bell in world.transport.heard] == ["alone:2"]


# --- a backlog


class Looks:
    """What looks ask the broker for, and write into the ledger."""

    def __init__(self, world: World) -> None:
        self.asked: list[list[str]] = []
        self.written: list[int] = []
        missing, rang = world.transport.missing, world.ledger.rang

        async def asked(bells: Sequence[Bell]) -> Sequence[Bell]:
            self.asked.append([bell.job_id for bell in bells])
            return await missing(bells)

        async def written(bells: Sequence[Bell]) -> None:
            self.written.append(len(bells))
            await rang(bells)

        world.transport.missing = asked  # type: ignore[method-assign]
        world.ledger.rang = written  # type: ignore[method-assign]


async def with_backlog(world: World, jobs: int) -> Looks:
    """So many jobs that wait, and whose rings the broker holds."""
    await world.seat.repair()
    await world.transport.ring(await world.ledger.create([a_job(n) for n in range(jobs)]))
    world.clock.advance(2)
    return Looks(world)


async def test_a_backlog_that_the_broker_holds_is_walked_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 4)
    world = World()
    looks = await with_backlog(world, 10)
    await rounds(world, 6)
    seen = [job_id for page in looks.asked for job_id in page]
    assert set(seen) == {f"alone:{n}" for n in range(10)}
    assert max(map(len, looks.asked)) == 4
    assert looks.written == []
    assert len(world.transport.heard) == 10


async def test_looks_at_a_backlog_that_is_held_come_less_often_and_at_last_every_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 4)
    world = World()
    looks = await with_backlog(world, 400)
    await rounds(world, 10)
    before = len(looks.asked)
    await rounds(world, 40)
    assert before < 8
    assert len(looks.asked) - before == 20


async def test_a_ring_lost_in_a_backlog_is_rung_again_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 4)
    world = World()
    await with_backlog(world, 40)
    await rounds(world, 7)
    for place in [place for place, b in world.transport._held.items() if b.job_id == "alone:9"]:
        del world.transport._held[place]
    await rounds(world, Patience().look_after_seconds + 2.0 * (40 / 4 + 1))
    assert [bell.job_id for bell in world.transport.heard[40:]] == ["alone:9"]


async def test_a_loss_ends_the_rest_and_an_emptied_broker_is_rung_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lost_rings, "AT_ONCE", 10)
    world = World()
    await with_backlog(world, 95)
    await rounds(world, 20)  # it rests by now, somewhere in the middle
    world.transport.forget_all()
    await rounds(world, 0.5)
    assert len({bell.job_id for bell in world.transport.heard[95:]}) == 95
