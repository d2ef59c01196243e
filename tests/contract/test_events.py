"""Every adapter of wake-up calls keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.ports import Events
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_events import InMemoryEvents


@pytest.fixture(params=["in_memory", "redis"])
async def events(request: pytest.FixtureRequest) -> AsyncIterator[Events]:
    if request.param == "in_memory":
        yield InMemoryEvents()
        return
    client = connect(request.getfixturevalue("redis_url"))
    adapter = RedisEvents(client, request.getfixturevalue("redis_prefix"))
    yield adapter
    await adapter.close()
    await client.aclose()


class Listener:
    """Counts the calls of one topic."""

    def __init__(self) -> None:
        self.calls = 0

    @asynccontextmanager
    async def on(self, events: Events, topic: str) -> AsyncIterator[None]:
        """Listen, and be sure of it: a first call has arrived when this is entered."""
        task = asyncio.create_task(self._count(events, topic))

        async def called() -> bool:
            await events.publish(topic)
            return self.calls > 0

        await eventually(called)
        await self._settle()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _count(self, events: Events, topic: str) -> None:
        async with aclosing(events.listen(topic)) as calls:  # type: ignore[type-var]
            async for _call in calls:
                self.calls += 1

    async def _settle(self) -> None:
        """Wait until what `on` published has arrived."""
        seen = -1
        while seen != self.calls:
            seen = self.calls
            await asyncio.sleep(0.1)


async def test_a_call_wakes_every_listener_of_its_topic(events: Events) -> None:
    first, second, other = Listener(), Listener(), Listener()
    async with first.on(events, "runs"), second.on(events, "runs"), other.on(events, "jobs"):
        before = first.calls, second.calls, other.calls
        await events.publish("runs")
        await eventually(lambda: first.calls > before[0] and second.calls > before[1])
        assert other.calls == before[2]


async def test_a_burst_is_few_calls_and_its_last_is_not_lost(events: Events) -> None:
    listener = Listener()
    async with listener.on(events, "runs"):
        before = listener.calls
        for _time in range(500):
            await events.publish("runs")
        await eventually(lambda: listener.calls > before)
        await listener._settle()
        assert listener.calls - before <= 10
        before = listener.calls
        await events.publish("runs")
        await eventually(lambda: listener.calls > before)


async def test_a_call_that_comes_while_the_listener_works_is_kept(events: Events) -> None:
    woken, proceed, calls = asyncio.Event(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal calls
        async with aclosing(events.listen("runs")) as heard:  # type: ignore[type-var]
            async for _call in heard:
                calls += 1
                woken.set()
                await proceed.wait()

    async def woken_once() -> bool:
        await events.publish("runs")
        return woken.is_set()

    task = asyncio.create_task(work())
    await eventually(woken_once)
    await events.publish("runs")
    await events.publish("runs")
    proceed.set()
    await eventually(lambda: calls >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_that_nobody_hears_is_no_error(events: Events) -> None:
    await events.publish("nobody")
