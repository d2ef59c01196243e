"""Every gathering of log lines keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.ports import LogGathering, LogLine
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering

BOUND = 200


@pytest.fixture(params=["in_memory", "redis"])
async def logs(request: pytest.FixtureRequest) -> AsyncIterator[LogGathering]:
    if request.param == "in_memory":
        yield InMemoryLogGathering(BOUND)
        return
    client = connect(request.getfixturevalue("redis_url"))
    yield RedisLogGathering(client, request.getfixturevalue("redis_prefix"), BOUND)
    await client.aclose()


def lines(*numbers: int, service: str = "worker", level: str = "info") -> list[LogLine]:
    return [LogLine(service, level, f"{level} {n} of {service}") for n in numbers]


async def test_the_newest_come_oldest_first(logs: LogGathering) -> None:
    await logs.append(lines(1, 2, 3))
    await logs.append(lines(4))
    assert await logs.newest(3) == [line.text for line in lines(2, 3, 4)]
    assert await logs.newest(0) == []
    assert len(await logs.newest(BOUND)) == 4


async def test_level_and_service_choose(logs: LogGathering) -> None:
    await logs.append(lines(1, service="generator", level="error"))
    await logs.append([*lines(2), *lines(3, level="error"), *lines(4)])
    assert await logs.newest(9, level="error") == ["error 1 of generator", "error 3 of worker"]
    assert await logs.newest(1, level="error") == ["error 3 of worker"]
    assert await logs.newest(9, "error", "generator") == ["error 1 of generator"]
    assert await logs.newest(9, service="nobody") == []


async def test_the_oldest_beyond_the_bound_are_dropped(logs: LogGathering) -> None:
    for first in range(0, 3_000, 500):
        await logs.append(lines(*range(first, first + 500)))
    found = await logs.newest(3_000)
    # Redis trims whole nodes
    assert BOUND <= len(found) <= 2 * BOUND
    assert found[-1] == "info 2999 of worker"


async def test_nothing_is_there_before_and_after_a_clear(logs: LogGathering) -> None:
    assert await logs.newest(5) == []
    await logs.append([])
    await logs.append(lines(1))
    await logs.clear()
    assert await logs.newest(5) == []
