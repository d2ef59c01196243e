"""What circuit breakers cost, and what they do without Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pedidos_common.adapters.redis import breakers as module
from pedidos_common.adapters.redis.breakers import RedisBreakers
from pedidos_common.adapters.redis.client import Redis, connect
from pedidos_common.domain.breakers import Admitted, BreakerPolicy, BreakerState, Paused
from pedidos_common.testing.eventually import eventually
from tests.own_redis import OwnRedis

POLICY = BreakerPolicy(failures=2, pause_seconds=30.0)
NAME = "sms"


class Counting:
    """A client's watch that counts commands."""

    def __init__(self) -> None:
        self.commands = 0

    def __call__(self, command: str, seconds: float, *, failed: bool) -> None:
        self.commands += 1


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[tuple[Redis, Counting]]:
    watch = Counting()
    client = connect(redis_url, watch=watch)
    yield client, watch
    await client.aclose()


async def test_calls_that_go_well_ask_redis_once_a_second(
    client: tuple[Redis, Counting], redis_prefix: str
) -> None:
    redis, watch = client
    now = 0.0
    breakers = RedisBreakers(redis, redis_prefix, POLICY, lambda: now)
    for _ in range(100):
        admitted = await breakers.admit(NAME)
        assert admitted == Admitted()
        await breakers.succeeded(NAME, admitted)
    assert watch.commands == 1
    now = module.FRESH_SECONDS + 0.1
    await breakers.admit(NAME)
    assert watch.commands == 2


async def test_what_is_no_record_of_ours_counts_as_none(
    client: tuple[Redis, Counting], redis_prefix: str
) -> None:
    redis, _watch = client
    await redis.set(f"{redis_prefix}breaker:{NAME}", b'{"failures": "many"')
    breakers = RedisBreakers(redis, redis_prefix, POLICY)
    admitted = await breakers.admit(NAME)
    assert admitted == Admitted()
    assert await breakers.failed(NAME, Admitted()) is False
    assert await breakers.failed(NAME, Admitted()) is True


async def test_without_redis_each_judges_by_itself_and_shares_again_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.2)
    with OwnRedis() as server:
        clients: list[Any] = [connect(server.url), connect(server.url)]
        one, other = (RedisBreakers(client, "t:", POLICY) for client in clients)
        assert await one.admit(NAME) == Admitted()
        server.kill()
        began = time.monotonic()
        assert await one.failed(NAME, Admitted()) is False
        assert await one.failed(NAME, Admitted()) is True
        assert isinstance(await one.admit(NAME), Paused)
        assert await other.admit(NAME) == Admitted()
        assert time.monotonic() - began < 4 * module.REDIS_SECONDS
        server.start()

        async def shared() -> bool:
            await other.failed(NAME, Admitted())
            await one.admit(NAME)
            return one.state(NAME) is other.state(NAME) is BreakerState.OPEN

        await eventually(shared)
        for client in clients:
            await client.aclose()
