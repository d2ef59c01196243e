"""Redis hangs without a word: what MongoDB has settled goes on."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.runs import Phase
from pedidos_orchestrator import best_effort
from tests.unit.orchestrator.test_aftermath import done, webhooks
from tests.unit.orchestrator.world import World


async def hang(*_args: object) -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_cancel_does_not_wait_for_a_broker_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(best_effort, "PATIENCE_SECONDS", 0.01)
    world = World()
    run = await world.start()
    await world.play_to(Phase.WAITING_NORMAL_DRAIN)
    monkeypatch.setattr(world.transport, "purge", hang)
    monkeypatch.setattr(world.logs, "clear", hang)
    await world.cancel(purge=True, reset_logs=True)
    run = await asyncio.wait_for(world.play(), 20)
    assert run.phase is Phase.ABORTED
    assert run.cancelled is not None
    assert run.cancelled["purgedRings"] == 0
    assert run.cancelled["deletedPending"] > 0


async def test_a_receipt_does_not_wait_for_the_webhooks_ring() -> None:
    world = World()
    run = await done(world)
    world.transport.down = Unavailable("Redis is away")
    await world.seat.aftermath.settle()
    assert (await world.run(run)).receipt is not None
    world.transport.down = None
    (job,) = await webhooks(world)
    assert job.status is JobStatus.QUEUED
    for _ in range(100):
        await world.turn(1.0)
    assert job.id in [bell.job_id for bell in world.transport.heard]
