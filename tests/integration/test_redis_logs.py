"""The newest log lines in a real Redis stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.logs import LONGEST_LINE, RedisLogGathering
from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import LogLine
from tests.servers import free_port


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


def lines(count: int, service: str = "worker", level: str = "info") -> list[LogLine]:
    return [LogLine(service, level, f'{{"n": {n}, "of": "{service}"}}') for n in range(count)]


async def test_the_newest_come_oldest_first(redis: Redis, redis_prefix: str) -> None:
    logs = RedisLogGathering(redis, redis_prefix)
    await logs.append(lines(2500))
    assert await logs.newest(3) == [line.text for line in lines(2500)[-3:]]
    assert await logs.newest(2200) == [line.text for line in lines(2500)[-2200:]]
    assert await logs.newest(9000) == [line.text for line in lines(2500)]


async def test_level_and_service_filter(redis: Redis, redis_prefix: str) -> None:
    logs = RedisLogGathering(redis, redis_prefix)
    await logs.append([LogLine("generator", "error", "broken")])
    await logs.append(lines(1500))
    await logs.append([LogLine("worker", "error", "é broken too")])
    assert await logs.newest(10, level="error") == ["broken", "é broken too"]
    assert await logs.newest(10, level="error", service="generator") == ["broken"]
    assert await logs.newest(10, service="nobody") == []
    assert await logs.newest(0) == []


async def test_the_stream_is_bounded(redis: Redis, redis_prefix: str) -> None:
    logs = RedisLogGathering(redis, redis_prefix, kept_lines=200)
    for _time in range(5):
        await logs.append(lines(300))
    assert 200 <= await redis.xlen(f"{redis_prefix}logs") <= 400
    await logs.append([LogLine("worker", "info", "x" * 100_000)])
    assert len((await logs.newest(1))[0]) == LONGEST_LINE


async def test_clearing_and_nothing(redis: Redis, redis_prefix: str) -> None:
    logs = RedisLogGathering(redis, redis_prefix)
    assert await logs.newest(5) == []
    await logs.append([])
    await logs.append(lines(5))
    await logs.clear()
    assert await logs.newest(5) == []


async def test_an_outage_is_told() -> None:
    client = connect(f"redis://127.0.0.1:{free_port()}/0")
    logs = RedisLogGathering(client, "p:")
    with pytest.raises(Unavailable):
        await logs.append(lines(1))
    with pytest.raises(Unavailable):
        await logs.newest(1)
    with pytest.raises(Unavailable):
        await logs.clear()
    await client.aclose()
