"""Writers wait in turn for as many places as the server takes well."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from pedidos_common.domain.errors import LeaseLost, Unavailable
from pedidos_common.execution import write_limiter
from pedidos_common.execution.latency_limit import LatencyLimit
from pedidos_common.execution.write_limiter import WriteLimiter


def limiter(most: int) -> WriteLimiter:
    return WriteLimiter(LatencyLimit(most, start=4))


class Writers:
    """Writes that end when they are told to, and note in which sequence they began."""

    def __init__(self, limiter: WriteLimiter) -> None:
        self.limiter = limiter
        self.began: list[int] = []
        self.most = 0
        self.go_on = asyncio.Event()

    async def write(self, number: int, error: Exception | None = None) -> None:
        async with self.limiter.writing(1_000):
            self.began.append(number)
            self.most = max(self.most, self.limiter.in_flight)
            await self.go_on.wait()
            if error is not None:
                raise error

    def start(self, count: int) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.write(number)) for number in range(count)]


async def learnt(writes: WriteLimiter) -> WriteLimiter:
    """One that knows how long a write takes alone."""
    for _ in range(3):
        async with writes.writing(1_000):
            await asyncio.sleep(0.001)
    return writes


async def test_the_first_ones_go_alone() -> None:
    writers = Writers(limiter(8))
    tasks = writers.start(5)
    await asyncio.sleep(0)
    assert writers.began == [0]
    writers.go_on.set()
    await asyncio.gather(*tasks)
    assert writers.began == [0, 1, 2, 3, 4]


async def test_no_more_go_on_than_may_and_each_in_turn() -> None:
    writers = Writers(await learnt(limiter(16)))
    tasks = writers.start(20)
    await asyncio.sleep(0.01)
    assert writers.began == [0, 1, 2, 3]
    assert (writers.limiter.in_flight, writers.limiter.waiting) == (4, 16)
    writers.go_on.set()
    await asyncio.gather(*tasks)
    assert writers.began == list(range(20))
    assert writers.limiter.in_flight == 0


async def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    writers = Writers(await learnt(limiter(2)))
    tasks = writers.start(6)
    await asyncio.sleep(0.01)
    for waiting in tasks[2:4]:
        waiting.cancel()
    await asyncio.wait(tasks[2:4])
    writers.go_on.set()
    await asyncio.gather(tasks[0], tasks[1], tasks[4], tasks[5])
    assert writers.began == [0, 1, 4, 5]
    assert writers.limiter.in_flight == 0


async def test_one_that_is_cancelled_as_its_turn_comes_hands_it_on() -> None:
    writers = Writers(await learnt(limiter(1)))
    tasks = writers.start(3)
    await asyncio.sleep(0.01)
    writers.go_on.set()
    await asyncio.sleep(0)  # the first is woken, and gives the second its turn
    tasks[1].cancel()
    await asyncio.wait(tasks, timeout=5)
    assert tasks[2].done()
    assert not tasks[2].cancelled()
    assert writers.limiter.in_flight == 0


async def test_whoever_is_cancelled_when_no_place_is_lost() -> None:
    writes, draw = limiter(5), random.Random(3)

    async def write() -> None:
        async with writes.writing(draw.randint(1, 1_000)):
            await asyncio.sleep(draw.random() / 500)
            if draw.random() < 0.1:
                raise Unavailable("away")

    tasks = [asyncio.create_task(write()) for _ in range(400)]
    while any(not task.done() for task in tasks):
        draw.choice(tasks).cancel()
        assert writes.in_flight <= 5
        await asyncio.sleep(draw.random() / 1_000)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert writes.in_flight == 0
    await asyncio.wait_for(learnt(writes), 5)


@pytest.mark.parametrize(
    ("error", "limit"), [(Unavailable("away"), 2), (LeaseLost("gone"), 4), (ValueError("bug"), 4)]
)
async def test_only_a_server_that_is_away_lowers_it(error: Exception, limit: int) -> None:
    writers = Writers(await learnt(limiter(16)))
    writers.go_on.set()
    with suppress(type(error)):
        await writers.write(1, error)
    assert writers.limiter.limit == limit


async def test_a_most_below_the_start_holds() -> None:
    writers = Writers(await learnt(limiter(2)))
    writers.go_on.set()
    await asyncio.gather(*writers.start(50))
    assert writers.most <= 2


@pytest.mark.parametrize("limit", [1, 4])
async def test_writes_that_are_stuck_hold_up_nobody_else(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_limiter, "STUCK_SECONDS", 0.05)
    writes = WriteLimiter(write_limiter.Constant(limit))
    stuck = Writers(writes)
    tasks = stuck.start(limit)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        for _ in range(20):
            async with writes.writing(1_000):
                assert writes.in_flight <= limit
    stuck.go_on.set()
    await asyncio.gather(*tasks)
    assert writes.in_flight == 0


async def test_a_probe_does_not_wait_for_a_write_that_is_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(write_limiter, "STUCK_SECONDS", 0.05)
    writes = limiter(8)  # it begins with a probe
    stuck = Writers(writes)
    tasks = stuck.start(1)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await learnt(writes)
    stuck.go_on.set()
    await asyncio.gather(*tasks)


async def test_a_turn_that_does_not_come_is_no_attempt_of_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(write_limiter, "TURN_SECONDS", 0.05)
    writes = WriteLimiter(write_limiter.Constant(1))
    first = Writers(writes)
    tasks = first.start(1)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="no turn to write"):
        async with writes.writing(1_000):
            pass
    first.go_on.set()
    await asyncio.gather(*tasks)
    assert (writes.in_flight, writes.waiting) == (0, 0)
