"""Who leads, what wakes the engine, and how much a step may cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import FINAL, Job, Succeeded
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.runs import Phase
from pedidos_common.ports import ENGINE_TOPIC
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_orchestrator.engine import loop as engine_loop
from pedidos_orchestrator.engine.leader import LEADER_LEASE_SECONDS, Leadership
from pedidos_orchestrator.engine.loop import Alarm, EngineLoop
from pedidos_orchestrator.engine.run_engine import LOOK_AT_ONCE, Pace
from tests.unit.orchestrator.world import Seat, World

SHORT = LEADER_LEASE_SECONDS / 4


async def test_one_leads_and_the_other_takes_over_with_a_higher_epoch() -> None:
    world = World()
    one, two = world.seat, Seat(world, "two")
    first = await one.lead()
    assert first is not None
    assert await two.lead() is None
    world.clock.advance(LEADER_LEASE_SECONDS + 0.1)
    second = await two.lead()
    assert second is not None
    assert second > first
    assert one.leadership.epoch is None  # before it even asked
    assert await one.lead() is None


async def test_one_who_resigns_is_followed_at_once() -> None:
    world = World()
    await world.seat.lead()
    await world.seat.leadership.resign()
    assert world.seat.leadership.epoch is None
    assert await Seat(world, "two").lead() is not None


async def test_leadership_lasts_through_a_short_outage_and_no_longer() -> None:
    world = World()
    epoch, leadership = await world.seat.lead(), world.seat.leadership
    acquire = world.leader_lease.acquire
    world.leader_lease.acquire = away  # type: ignore[method-assign, assignment]
    for _ in range(3):
        world.clock.advance(SHORT)
        with pytest.raises(Unavailable):
            await leadership._try()
        assert leadership.epoch == epoch
    world.clock.advance(SHORT)
    assert leadership.epoch is None
    since = leadership.answered_since
    world.leader_lease.acquire = acquire  # type: ignore[method-assign]
    await leadership._try()
    assert leadership.epoch == epoch
    assert leadership.answered_since > since


async def away(*_args: object) -> int | None:
    raise Unavailable("MongoDB did not answer")


async def test_a_server_that_takes_every_try_is_trusted_since_the_first() -> None:
    world = World()
    await world.seat.lead()
    since = world.seat.leadership.answered_since
    for _ in range(10):
        world.clock.advance(SHORT)
        await world.seat.lead()
    assert world.seat.leadership.answered_since == since


async def test_a_failing_lease_does_not_end_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pedidos_orchestrator.engine.leader.LEADER_LEASE_SECONDS", 0.02)
    world = World()
    tries: list[int] = []

    async def acquire(_holder: str, _seconds: float) -> int | None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("away") if len(tries) == 1 else ValueError("a bug")
        return 7

    world.leader_lease.acquire = acquire  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(world.seat.leadership.run())
    await eventually(lambda: world.seat.leadership.epoch == 7)
    running.cancel()


async def test_what_a_try_took_is_taken_off_the_pause_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a leader over a slow network would not lead between two tries."""
    monkeypatch.setattr("pedidos_orchestrator.engine.leader.LEADER_LEASE_SECONDS", 4.0)
    world, asked_at = World(), list[float]()

    async def acquire(_holder: str, _seconds: float) -> int | None:
        asked_at.append(time.monotonic())
        await asyncio.sleep(0.9)
        return 7

    world.leader_lease.acquire = acquire  # type: ignore[method-assign, assignment]
    running = asyncio.create_task(Leadership(world.leader_lease, "one").run())
    await eventually(lambda: len(asked_at) == 2)
    running.cancel()
    assert asked_at[1] - asked_at[0] < 1.7


# -- what wakes the engine


async def test_an_alarm_keeps_a_call_that_came_between_two_waits() -> None:
    world = World()
    alarm = Alarm(world.events, ENGINE_TOPIC)
    listening = asyncio.create_task(alarm.listen())
    await world.quiet()
    await world.events.publish(ENGINE_TOPIC)
    await world.quiet()
    started = time.monotonic()
    await alarm.wait(30.0)
    assert time.monotonic() - started < 5
    listening.cancel()


async def test_the_loop_walks_a_run_to_its_end_without_any_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Phases that are over pass at once: not one of them waits for a poll."""
    monkeypatch.setattr(
        engine_loop, "POLL_SECONDS_OF", {Pace.WAITING: 30.0, Pace.IDLE: 0.01, None: 0.01}
    )
    world = World(vip_share=0.0)
    world.events.drops = lambda _topic: True
    await world.seat.lead()
    run = await world.start(quantity=3)
    await world.seat.step()
    await world.deliver()
    loop = EngineLoop(world.seat.engine, world.seat.leadership, world.events)
    started = time.monotonic()
    running = asyncio.create_task(loop.run())

    async def enqueued() -> bool:
        return (await world.run(run)).phase is Phase.WAITING_NORMAL_DRAIN

    await eventually(enqueued, timeout_seconds=20)
    assert time.monotonic() - started < 10
    running.cancel()
    await world.deliver()
    monkeypatch.setattr(
        engine_loop, "POLL_SECONDS_OF", {Pace.WAITING: 0.01, Pace.IDLE: 0.01, None: 0.01}
    )
    running = asyncio.create_task(loop.run())

    async def over() -> bool:
        return (await world.run(run)).phase is Phase.DONE

    await eventually(over)
    running.cancel()
    assert loop.failures == 0


async def test_a_step_that_raises_is_counted_and_the_view_rebuilt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_loop, "FAILURE_PAUSE_SECONDS", 0.0)
    world = World()
    await world.seat.lead()
    await world.start()
    loop = EngineLoop(world.seat.engine, world.seat.leadership, world.events)
    create = world.ledger.create
    for error in (Unavailable("away"), ValueError("a bug")):
        world.ledger.create = raising(error)  # type: ignore[method-assign, assignment]
        assert await loop._guarded_step() is Pace.WAITING
        assert world.seat.engine._view is None
    world.ledger.create = create  # type: ignore[method-assign]
    await loop._guarded_step()
    assert loop.failures == 2
    assert len(await world.jobs(await world.active())) == 2  # nothing was forgotten


def raising(error: Exception) -> object:
    async def fail(*_args: object) -> None:
        raise error

    return fail


async def test_who_does_not_lead_does_nothing() -> None:
    world = World()
    await world.start()
    loop = EngineLoop(world.seat.engine, world.seat.leadership, world.events)
    assert await loop._guarded_step() is None
    assert world.transport.heard == []


# -- what a step may cost


class QuickLedger(InMemoryJobLedger):
    """Finds jobs by id, as an index does, and notes how many were asked for."""

    asked: list[int]

    async def settled_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        self.asked.append(len(job_ids))
        return [self._jobs[job_id] for job_id in job_ids if self._jobs[job_id].status in FINAL]

    async def started_among(self, job_ids: Sequence[str]) -> Sequence[Job]:
        self.asked.append(len(job_ids))
        return []


async def test_a_step_with_fifty_thousand_open_jobs_looks_at_a_thousand() -> None:
    world = World(limits=Limits(chunks=10, vip_orders=60_000, normal_groups=2), vip_share=1.0)
    ledger = QuickLedger(world.clock)
    ledger.asked = []
    world.ledger = ledger
    world.seat = Seat(world, "two")
    run = await world.start(quantity=50_000, chunk=10_000, batch=1, group=10_000)
    await world.seat.step()
    for job in [job async for job in ledger.of_scope(run.scope)]:
        claimed = await ledger.claim(job.id, "w")
        assert claimed is not None
        await ledger.settle(claimed, Succeeded({"vip": 10_000, "normal": 0}))
    while (await world.active()).phase is not Phase.WAITING_VIP_DRAIN:
        await world.seat.step()
    assert len(ledger._jobs) == 50_005
    ledger.asked.clear()
    started = time.process_time()
    for _ in range(50):
        world.clock.advance(0.3)
        await world.seat.step()
    assert max(ledger.asked) == LOOK_AT_ONCE
    assert (time.process_time() - started) / 50 < 0.05

    # all of them settle in one burst, and no call comes any more
    for job_id in list(ledger._jobs):
        if ":vip:" in job_id:
            claimed = await ledger.claim(job_id, "w")
            assert claimed is not None
            await ledger.settle(claimed, Succeeded({"processed": 1, "failed": 0}))
    paces = []
    while (await world.active()).phase is Phase.WAITING_VIP_DRAIN:
        paces.append(await world.seat.step())
    assert set(paces) == {Pace.AT_ONCE}
    assert len(paces) <= 52
