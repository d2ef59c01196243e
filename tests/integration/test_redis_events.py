"""Wake-up calls over a Redis that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from time import monotonic

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.testing.eventually import eventually
from tests.own_redis import OwnRedis


class Calls:
    """Counts the calls of one topic."""

    def __init__(self) -> None:
        self.count = 0

    @asynccontextmanager
    async def of(self, events: RedisEvents, topic: str) -> AsyncIterator[None]:
        task = asyncio.create_task(self._listen(events, topic))
        try:
            yield
            assert not task.done(), "a listener must outlive everything"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, events: RedisEvents, topic: str) -> None:
        async with aclosing(events.listen(topic)) as calls:  # type: ignore[type-var]
            async for _call in calls:
                self.count += 1

    async def arrive(self, events: RedisEvents, topic: str) -> None:
        before = self.count

        async def arrived() -> bool:
            await events.publish(topic)
            return self.count > before

        await eventually(arrived, timeout_seconds=30, poll_seconds=0.1)


async def test_a_restart_is_outlived_and_wakes_whoever_listens() -> None:
    with OwnRedis() as server:
        client = connect(server.url)
        events, calls = RedisEvents(client, "p:"), Calls()
        async with calls.of(events, "runs"):
            await calls.arrive(events, "runs")
            await events.close()
            server.kill()
            started = monotonic()
            for _time in range(100):
                await events.publish("runs")
            assert monotonic() - started < 5, "publishing must not wait for Redis"
            await events.close()
            before = calls.count
            server.start()
            await eventually(lambda: calls.count > before, timeout_seconds=30)
            await calls.arrive(events, "runs")
        await events.close()
        await client.aclose()


async def test_a_dropped_connection_is_made_again(redis_url: str, redis_prefix: str) -> None:
    client = connect(redis_url)
    events, calls = RedisEvents(client, redis_prefix), Calls()
    async with calls.of(events, "runs"):
        await calls.arrive(events, "runs")
        assert await client.client_kill_filter(_type="pubsub") >= 1
        await calls.arrive(events, "runs")
    await events.close()
    await client.aclose()


async def test_every_channel_begins_with_the_prefix(redis_url: str, redis_prefix: str) -> None:
    client = connect(redis_url)
    events, calls = RedisEvents(client, redis_prefix), Calls()
    async with calls.of(events, "runs"):
        await calls.arrive(events, "runs")
        channels = await client.pubsub_channels(f"{redis_prefix}*")
        assert channels == [f"{redis_prefix}events:runs".encode()]
    await events.close()
    await client.aclose()
