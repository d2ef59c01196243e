"""Every turnstile keeps the same promise: never more begin than a rate allows, in any window."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.turnstile import RedisTurnstile
from pedidos_common.domain.queues import Rate
from pedidos_common.ports import Turnstile
from pedidos_common.testing.in_memory_turnstile import InMemoryTurnstile

# a beginning counts from when it was asked for; what it takes until it is seen is not the rate's
SEEN_SECONDS = 0.1


@pytest.fixture(params=["in_memory", "redis"])
async def turnstiles(request: pytest.FixtureRequest) -> AsyncIterator[Sequence[Turnstile]]:
    """As three processes see it."""
    if request.param == "in_memory":
        yield [InMemoryTurnstile(time.monotonic)] * 3
        return
    url, prefix = request.getfixturevalue("redis_url"), request.getfixturevalue("redis_prefix")
    clients = [connect(url) for _ in range(3)]
    yield [RedisTurnstile(client, prefix) for client in clients]
    for client in clients:
        await client.aclose()


async def begin(
    turnstile: Turnstile, rate: Rate, begun: list[float], enough: Callable[[], bool]
) -> None:
    """As a worker does: ask, wait as long as is said, ask again."""
    while not enough():
        if wait := await turnstile.enter("inventory", rate):
            assert wait <= rate.seconds + SEEN_SECONDS
            await asyncio.sleep(wait)
        else:
            begun.append(time.monotonic())


def most_in_a_window(begun: Sequence[float], seconds: float) -> int:
    """The most beginnings of any window of that length."""
    times = sorted(begun)
    return max(
        sum(first <= at < first + seconds for at in times[i:]) for i, first in enumerate(times)
    )


async def check(turnstiles: Sequence[Turnstile], rate: Rate, windows: int) -> float:
    """How long it took to begin in three processes what has room in so many windows."""
    begun: list[float] = []
    wanted = rate.jobs * windows
    workers = [
        begin(turnstile, rate, begun, lambda: len(begun) >= wanted)
        for turnstile in turnstiles
        for _slot in range(3)
    ]
    async with asyncio.timeout(rate.seconds * windows + 20.0):
        await asyncio.gather(*workers)
    assert most_in_a_window(begun, rate.seconds - SEEN_SECONDS) == rate.jobs
    return max(begun) - min(begun)


async def test_no_window_has_more_beginnings_than_the_rate(
    turnstiles: Sequence[Turnstile],
) -> None:
    rate = Rate(20, 1.0)
    took = await check(turnstiles, rate, windows=2)
    assert took >= rate.seconds - SEEN_SECONDS


async def test_queues_are_counted_apart(turnstiles: Sequence[Turnstile]) -> None:
    rate = Rate(1, 60.0)
    first, second, _third = turnstiles
    assert await first.enter("inventory", rate) == 0.0
    assert 50.0 < await second.enter("inventory", rate) <= 61.0
    assert await second.enter("orders", rate) == 0.0
