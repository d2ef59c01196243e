"""A pause in every phase: nothing moves until resume, whoever leads by then."""

from __future__ import annotations

import pytest

from pedidos_common.domain.runs import Phase
from tests.unit.orchestrator.test_whole_runs import WORKING
from tests.unit.orchestrator.world import Seat, World
from tests.world.ending import ended_well

TURNS = 20


async def paused_in(phase: Phase) -> World:
    """A world with a run that was paused in this phase, and whose active jobs have ended."""
    world = World()
    await world.start()
    await world.play_to(phase)
    await world.queue_state.write("paused")
    await world.quiet()
    return world


async def assert_nothing_moves(world: World) -> None:
    run = await world.active()
    before = await world.counts(run)
    for _ in range(TURNS):
        await world.turn()
    assert (await world.run(run)).active
    assert await world.counts(run) == before


@pytest.mark.parametrize("phase", WORKING)
async def test_a_pause_holds_the_run_until_resume(phase: Phase) -> None:
    world = await paused_in(phase)
    await assert_nothing_moves(world)
    await world.queue_state.write("running")
    await ended_well(world, await world.play())


@pytest.mark.parametrize("phase", WORKING)
async def test_a_pause_holds_for_another_orchestrator(phase: Phase) -> None:
    world = await paused_in(phase)
    old, world.seat = world.seat, Seat(world, "two")
    await old.leadership.resign()
    await assert_nothing_moves(world)
    await world.queue_state.write("running")
    await ended_well(world, await world.play())
