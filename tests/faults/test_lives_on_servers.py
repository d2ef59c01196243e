"""Random lives of the small world on a real MongoDB and a real Redis.

The same rules and the same invariants as in memory (`tests/world/life.py`): a crash ends all tasks
of a worker's executor without a word, a zombie goes on after its lease has run out on MongoDB's
clock.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from pedidos_common.adapters.mongo.client import connect, connect_blocking, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.redis.client import connect as connect_redis
from pedidos_worker.handlers import OrderHandler
from tests.counted import COUNTED
from tests.world.life import live, told
from tests.world.real_world import RealWorld, Servers
from tests.world.worker import Worker


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def servers_of_a_life(
    loop: asyncio.AbstractEventLoop,
    mongo_uri: str,
    mongo_database: str,
    redis_url: str,
    redis_prefix: str,
) -> Iterator[Servers]:
    client = connect(mongo_uri, "lives")
    redis = connect_redis(redis_url)
    database = durable(client, mongo_database)
    loop.run_until_complete(ensure_indexes(database))
    with connect_blocking(mongo_uri, "hearts") as blocking:
        yield Servers(database, blocking, redis, redis_prefix)
    loop.run_until_complete(client.close())
    loop.run_until_complete(redis.aclose())


def lives(examples: int, steps: int) -> settings:
    """Nothing is made smaller after a failure: time passes, so no life is lived twice alike."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _live(found: Servers, loop: asyncio.AbstractEventLoop, chosen: settings, seeded: int) -> str:
    def on_servers(handler_for: Callable[[Worker], OrderHandler]) -> RealWorld:
        return RealWorld(found, handler_for)

    print(f"lived with SEED={seeded}")  # noqa: T201 - shown where the test fails
    return f"{told(live(on_servers, chosen, loop, seeded))}, seed {seeded}"


@pytest.mark.timeout(300)
def test_whatever_happens_the_invariants_hold_on_servers(
    servers_of_a_life: Servers,
    loop: asyncio.AbstractEventLoop,
    record_property: Callable[[str, object], None],
) -> None:
    seeded = int(os.environ.get("SEED", "0").split(",")[0]) or random.randrange(1, 1_000_000)
    counted = _live(servers_of_a_life, loop, lives(6, 20), seeded)
    record_property(COUNTED, f"state machine on servers: {counted}")


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seeded", [int(text) for text in os.environ.get("SEED", "1").split(",")])
def test_many_lives_on_servers(
    seeded: int,
    servers_of_a_life: Servers,
    loop: asyncio.AbstractEventLoop,
    record_property: Callable[[str, object], None],
) -> None:
    counted = _live(servers_of_a_life, loop, lives(40, 40), seeded)
    record_property(COUNTED, f"state machine on servers, long: {counted}")
