"""How often a ring worker looks at its queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pedidos_common.adapters.redis import worker
from pedidos_common.adapters.redis.arq_client import PrefixedArqRedis
from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.worker import RingWorker


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, each time, in place of sleeping."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


class Waiting:
    """A queue with rings in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rings: int) -> None:
        self.rings = rings
        monkeypatch.setattr(RingWorker, "_take", self.take)

    async def take(self, room: int) -> int:
        taken = min(room, self.rings)
        self.rings -= taken
        return taken


def ring_worker(free_slots: Callable[[], int], is_open: Callable[[], bool]) -> RingWorker:
    async def deliver(job_id: str) -> None:
        raise AssertionError(job_id)

    client = PrefixedArqRedis(connect("redis://127.0.0.1:1"), "p:")
    return RingWorker(client, "p:q", free_slots, deliver, is_open)


@pytest.mark.parametrize(("slots", "is_open"), [(10, False), (0, True), (-1, True)])
async def test_without_room_it_looks_less_and_less_often(
    sleeps: list[float], slots: int, is_open: bool
) -> None:
    one = ring_worker(lambda: slots, lambda: is_open)
    for _look in range(200):
        await one._poll_iteration()
    assert len(sleeps) == 200
    assert sleeps == sorted(sleeps)
    assert sleeps[-1] == worker.LONGEST_IDLE_SECONDS == 0.03
    # what a job waits for a slot that got free: a few percent of the time that none was
    assert all(
        sleep <= worker.STEP_SECONDS + 0.06 * sum(sleeps[:at]) for at, sleep in enumerate(sleeps)
    )


async def test_after_a_free_slot_it_looks_often_again(
    sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = [0] * 200 + [1, 0]
    Waiting(monkeypatch, rings=1)
    one = ring_worker(lambda: slots.pop(0), lambda: True)
    while slots:
        await one._poll_iteration()
    assert len(sleeps) == 201, "what took a ring looks again at once"
    assert sleeps[-1] == worker.STEP_SECONDS


async def test_at_an_empty_queue_it_asks_redis_ever_more_seldom(
    sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    Waiting(monkeypatch, rings=0)
    one = ring_worker(lambda: 3, lambda: True)
    for _look in range(100):
        await one._poll_iteration()
    assert sleeps[0] == worker.SHORTEST_IDLE_SECONDS
    assert sleeps[-1] == worker.LONGEST_IDLE_SECONDS
