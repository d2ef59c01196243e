"""What a real Redis says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from pedidos_common.adapters.redis.client import check_writable, connect, eviction_policy, ping
from pedidos_common.domain.errors import Unavailable
from tests.faults.proxy import Condition, Proxy
from tests.servers import free_port

ONE_WAY_SECONDS = 0.3


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url, client_name="a-test")
    yield client
    await client.aclose()


async def test_the_eviction_policy_is_told(redis: Redis) -> None:
    assert await eviction_policy(redis) == "noeviction"


async def test_a_ping_and_a_write(redis: Redis, redis_prefix: str) -> None:
    await ping(redis)
    await check_writable(redis, redis_prefix)
    assert await redis.pttl(f"{redis_prefix}ready") > 0


async def test_nobody_there_is_unavailable() -> None:
    client = connect(f"redis://127.0.0.1:{free_port()}/0")
    for call in (ping(client), eviction_policy(client), check_writable(client, "p:")):
        with pytest.raises(Unavailable, match="Redis could not"):
            await call
    await client.aclose()


async def test_a_wrong_database_is_unavailable(redis_url: str) -> None:
    client = connect(redis_url.rsplit("/", 1)[0] + "/9999")
    with pytest.raises(Unavailable):
        await ping(client)
    await client.aclose()


async def test_a_new_connection_costs_two_round_trips(redis_url: str) -> None:
    """A ping and our name: with more, a call over a slow network would be too late each time."""
    port = urlsplit(redis_url).port
    assert port is not None
    with Proxy() as proxy:
        link = proxy.link(port, Condition(delay_seconds=ONE_WAY_SECONDS))
        client = connect(f"redis://127.0.0.1:{link.port}/0", client_name="a-test")
        began = monotonic()
        await ping(client, 10.0)
        assert monotonic() - began < 3.8 * 2 * ONE_WAY_SECONDS
        await client.aclose()
