"""Random lives of the small world in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from pedidos_worker.handlers import OrderHandler
from tests.counted import COUNTED
from tests.unit.orchestrator.world import World
from tests.world.installation import HAPPENINGS
from tests.world.life import live, told
from tests.world.worker import Worker


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def in_memory(handler_for: Callable[[Worker], OrderHandler]) -> World:
    return World(handler_for=handler_for)


def lives(examples: int) -> settings:
    shrinks = () if os.environ.get("MUTANTS") else (Phase.shrink,)
    return settings(
        phases=[Phase.explicit, Phase.reuse, Phase.generate, *shrinks],
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("part", range(2))
def test_whatever_happens_the_invariants_hold(
    part: int,
    loop: asyncio.AbstractEventLoop,
    record_property: Callable[[str, object], None],
) -> None:
    reached = live(in_memory, lives(75), loop)
    # two parts, so that they run side by side
    record_property(COUNTED, f"state machine, part {part + 1}: {told(reached)}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_in_many_lives_everything_happens(
    loop: asyncio.AbstractEventLoop, record_property: Callable[[str, object], None]
) -> None:
    reached = live(in_memory, lives(2_000), loop)
    assert [name for name in HAPPENINGS if not reached[name]] == [], "a rule that is never reached"
    record_property(COUNTED, f"state machine, long: {told(reached)}")
