"""The doorbell on a real Redis, on good days and bad ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pedidos_common.adapters.redis.arq_client import PrefixedArqRedis
from pedidos_common.adapters.redis.bells import Names, from_json, job_key, to_json
from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.adapters.redis.worker import RING_WAIT_SECONDS
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell
from pedidos_common.testing.eventually import eventually
from tests.own_redis import OwnRedis


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    with OwnRedis() as server:
        yield server


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


def bells(count: int, start: int = 0, queue: str = "orders") -> list[Bell]:
    return [Bell(f"run:{n:05}", queue, Band.NORMAL, 1) for n in range(start, start + count)]


@asynccontextmanager
async def receiving(
    transport: ArqTransport,
    deliver: Callable[[str], Awaitable[None]],
    free_slots: Callable[[], int] = lambda: 10,
    is_open: Callable[[], bool] = lambda: True,
) -> AsyncIterator[None]:
    task = asyncio.create_task(transport.receive("orders", free_slots, deliver, is_open))
    try:
        yield
        assert not task.done(), "the receiver must outlive everything"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Heard:
    """Keeps the ids that were delivered."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, job_id: str) -> None:
        self.ids.append(job_id)


async def ring_until_taken(transport: ArqTransport, rings: list[Bell], heard: Heard) -> None:
    """What the reconciler does: ring what is not there until all was delivered."""

    async def rung_and_taken() -> bool:
        wanted = [bell for bell in rings if bell.job_id not in heard.ids]
        try:
            await transport.ring(await transport.missing(wanted))
        except Unavailable:
            return False
        return not wanted

    await eventually(rung_and_taken, timeout_seconds=30, poll_seconds=0.1)


async def keys_of(client: Redis) -> list[str]:
    return [key.decode() async for key in client.scan_iter(count=1000)]


async def test_every_key_begins_with_the_prefix(own_redis: OwnRedis) -> None:
    client = connect(own_redis.url)
    transport, heard = ArqTransport(client, "shop-1:"), Heard()
    seen: set[str] = set()

    async def look(job_id: str) -> None:
        seen.update(await keys_of(client))
        await heard(job_id)

    await transport.ring(bells(30))
    seen.update(await keys_of(client))
    await transport.missing(bells(30))
    async with receiving(transport, look):
        await eventually(lambda: len(heard.ids) == 30)
    await transport.ring(bells(5))
    await transport.purge("orders")
    # arq's own way in uses WATCH, EXISTS and a transaction
    await PrefixedArqRedis(client, "shop-1:").enqueue_job(
        "deliver", "x", _job_id="by-arq", _queue_name="shop-1:rings:orders"
    )
    seen.update(await keys_of(client))
    assert "shop-1:arq:job:by-arq" in seen
    assert seen
    assert [key for key in seen if not key.startswith("shop-1:")] == []
    await client.aclose()


async def test_nothing_is_left_after_delivery(redis: Redis, redis_prefix: str) -> None:
    transport, heard = ArqTransport(redis, redis_prefix), Heard()
    await transport.ring(bells(50))
    async with receiving(transport, heard):
        await eventually(lambda: len(heard.ids) == 50)
    assert [key async for key in redis.scan_iter(match=f"{redis_prefix}*")] == []


async def test_a_job_key_expires(redis: Redis, redis_prefix: str) -> None:
    transport = ArqTransport(redis, redis_prefix)
    await transport.ring(bells(1))
    left_ms = await redis.pttl(redis_prefix + job_key("run:00000:1"))
    assert 0 < left_ms <= 3_600_000
    await redis.delete(redis_prefix + job_key("run:00000:1"))
    assert list(await transport.missing(bells(1))) == bells(1)


async def test_a_plain_arq_worker_can_take_our_rings(redis: Redis, redis_prefix: str) -> None:
    await ArqTransport(redis, redis_prefix).ring(bells(3))
    heard = Heard()

    async def deliver(ctx: dict[Any, Any], *args: Any, **kwargs: Any) -> None:
        await heard(*args)

    worker = Worker(
        [func(deliver, name="deliver")],
        queue_name=Names(redis_prefix).queue("orders"),
        redis_pool=PrefixedArqRedis(redis, redis_prefix),
        burst=True,
        handle_signals=False,
        poll_delay=0.01,
        keep_result=0,
        job_serializer=to_json,
        job_deserializer=from_json,
    )
    await worker.async_run()
    assert sorted(heard.ids) == ["run:00000", "run:00001", "run:00002"]
    assert worker.jobs_complete == 3


async def test_we_can_take_what_plain_arq_enqueued(redis: Redis, redis_prefix: str) -> None:
    heard = Heard()
    client = PrefixedArqRedis(redis, redis_prefix)
    queue = Names(redis_prefix).queue("orders")
    await client.enqueue_job("deliver", "by-arq", _job_id="by-arq:1", _queue_name=queue)
    async with receiving(ArqTransport(redis, redis_prefix), heard):
        await eventually(lambda: heard.ids == ["by-arq"])


async def test_garbage_is_dropped(redis: Redis, redis_prefix: str) -> None:
    transport, heard = ArqTransport(redis, redis_prefix), Heard()
    queue = Names(redis_prefix).queue("orders")
    definitions: dict[str, bytes] = {
        "pickle": b"\x80\x04N.",
        "unknown": to_json({"t": 1, "f": "rm", "a": ["x"], "k": {}, "et": 1}),
        "no-arguments": to_json({"t": 1, "f": "deliver", "a": [], "k": {}, "et": 1}),
        "wrong-argument": to_json({"t": 1, "f": "deliver", "a": [{}], "k": {}, "et": 1}),
        "wrong-name": to_json({"t": 1, "f": ["deliver"], "a": ["x"], "k": {}, "et": 1}),
        "half": b'{"f": "deliver"}',
    }
    for name, content in definitions.items():
        await redis.set(redis_prefix + job_key(name), content)
    await redis.execute_command("HSET", redis_prefix + job_key("hash"), "a", "b")  # type: ignore[no-untyped-call]
    members = dict.fromkeys([*definitions, "hash", "expired"], 1.0)
    await redis.zadd(queue, {**members, b"\xff\xfe\x00": 1.0, b"x" * 5000: 2.0})
    await transport.ring(bells(1))
    async with receiving(transport, heard):
        await eventually(lambda: heard.ids == ["run:00000"])
    assert await transport.depth("orders") == 0


async def test_a_queue_key_of_another_type_is_outlived(redis: Redis, redis_prefix: str) -> None:
    transport, heard = ArqTransport(redis, redis_prefix), Heard()
    queue = Names(redis_prefix).queue("orders")
    await redis.set(queue, "not a sorted set")
    with pytest.raises(Unavailable):
        await transport.ring(bells(1))
    async with receiving(transport, heard):
        await asyncio.sleep(0.1)
        await redis.delete(queue)
        await transport.ring(bells(1))
        await eventually(lambda: heard.ids == ["run:00000"])


async def test_flushing_redis_is_outlived(own_redis: OwnRedis) -> None:
    client = connect(own_redis.url)
    transport, heard = ArqTransport(client, "p:"), Heard()
    rings = bells(400)
    async with receiving(transport, heard, lambda: 3):
        await ring_until_taken(transport, rings[:20], heard)
        await transport.ring(rings)
        await client.flushall()
        await ring_until_taken(transport, rings, heard)
    await client.aclose()


async def test_a_restart_of_redis_is_outlived(own_redis: OwnRedis) -> None:
    client = connect(own_redis.url)
    transport, heard = ArqTransport(client, "p:"), Heard()
    async with receiving(transport, heard):
        for round_number in range(3):
            rings = bells(30, start=100 * round_number)
            await ring_until_taken(transport, rings, heard)
            own_redis.kill()
            with pytest.raises(Unavailable):
                await transport.ring(rings)
            own_redis.start()
        await ring_until_taken(transport, bells(30, start=900), heard)
    await client.aclose()


async def test_a_redis_that_hangs_is_outlived(own_redis: OwnRedis) -> None:
    client, other = connect(own_redis.url), connect(own_redis.url)
    transport, heard = ArqTransport(client, "p:"), Heard()
    async with receiving(transport, heard):
        await ring_until_taken(transport, bells(5), heard)
        await other.client_pause(7_000)
        await ring_until_taken(transport, bells(5, start=100), heard)
    await client.aclose()
    await other.aclose()


async def test_a_receiver_may_start_before_redis(own_redis: OwnRedis) -> None:
    own_redis.kill()
    client = connect(own_redis.url)
    transport, heard = ArqTransport(client, "p:"), Heard()
    async with receiving(transport, heard):
        await asyncio.sleep(0.3)
        own_redis.start()
        await ring_until_taken(transport, bells(3), heard)
    await client.aclose()


async def test_a_receiver_goes_on_looking_while_redis_is_away(own_redis: OwnRedis) -> None:
    client, looks = connect(own_redis.url), 0

    def is_open() -> bool:
        nonlocal looks
        looks += 1
        return True

    own_redis.kill()
    async with receiving(ArqTransport(client, "p:"), Heard(), is_open=is_open):
        await eventually(lambda: looks >= 3, timeout_seconds=20)
    await client.aclose()


async def test_an_outage_is_told_in_time(own_redis: OwnRedis) -> None:
    own_redis.kill()
    client = connect(own_redis.url)
    transport = ArqTransport(client, "p:")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: transport.ring(bells(1)),
        lambda: transport.missing(bells(1)),
        lambda: transport.depth("orders"),
        lambda: transport.purge("orders"),
    ]
    async with asyncio.timeout(20):
        for call in calls:
            with pytest.raises(Unavailable, match="Redis could not"):
                await call()
    await client.aclose()


async def test_deliveries_in_flight_count_as_taken_slots(redis: Redis, redis_prefix: str) -> None:
    transport, release, most = ArqTransport(redis, redis_prefix), asyncio.Event(), 0
    in_flight = 0

    async def slow(_job_id: str) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await release.wait()
        in_flight -= 1

    await transport.ring(bells(20))
    async with receiving(transport, slow, lambda: 4):
        await eventually(lambda: in_flight == 4)
        await asyncio.sleep(0.1)
        assert await transport.depth("orders") == 16
        release.set()
        await eventually(lambda: in_flight == 0)
    assert most == 4


async def test_refused_deliveries_do_not_empty_the_queue(redis: Redis, redis_prefix: str) -> None:
    transport, refused = ArqTransport(redis, redis_prefix), 0

    async def refuse(_job_id: str) -> None:
        nonlocal refused
        refused += 1
        raise RuntimeError("the ledger is away")

    await transport.ring(bells(500))
    async with receiving(transport, refuse):
        await eventually(lambda: refused >= 20)
    assert await transport.depth("orders") > 300


async def test_a_big_backlog_is_rung_and_purged(redis: Redis, redis_prefix: str) -> None:
    transport = ArqTransport(redis, redis_prefix)
    await transport.ring(bells(3000))
    assert await transport.depth("orders") == 3000
    assert len(await transport.missing(bells(3010))) == 10
    assert await transport.purge("orders") == 3000
    assert [key async for key in redis.scan_iter(match=f"{redis_prefix}*")] == []


def test_the_errors_of_redis_are_not_ours() -> None:
    assert not issubclass(Unavailable, RedisError)


async def test_a_ring_is_delivered_the_moment_it_comes(redis: Redis, redis_prefix: str) -> None:
    transport, heard = ArqTransport(redis, redis_prefix), Heard()
    async with receiving(transport, heard):
        await eventually(lambda: blocked_clients(redis, 1))
        await transport.ring(bells(3))
        await eventually(lambda: len(heard.ids) == 3)
    assert heard.ids == [bell.job_id for bell in bells(3)]


async def blocked_clients(client: Redis, at_least: int) -> bool:
    return int((await client.info("clients"))["blocked_clients"]) >= at_least


@pytest.mark.parametrize("why", ["paused", "full"])
async def test_a_ring_that_comes_when_it_may_not_be_taken_keeps_its_place(
    redis: Redis, redis_prefix: str, why: str
) -> None:
    transport, heard = ArqTransport(redis, redis_prefix), Heard()
    may_take = True

    def slots() -> int:
        return 10 if may_take or why == "paused" else 0

    def is_open() -> bool:
        return may_take or why == "full"

    task = asyncio.create_task(transport.receive("orders", slots, heard, is_open))
    await eventually(lambda: blocked_clients(redis, 1))
    may_take = False
    await transport.ring(bells(3))

    async def all_there() -> bool:
        return not await transport.missing(bells(3)) and await transport.depth("orders") == 3

    # whoever waited took one and gives it back: until it waits no more, it might do so again
    await eventually(all_there)
    await asyncio.sleep(2 * RING_WAIT_SECONDS)
    assert await all_there()
    assert heard.ids == []
    may_take = True
    await eventually(lambda: len(heard.ids) == 3)
    assert heard.ids == [bell.job_id for bell in bells(3)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_how_long_rings_waited_is_told_by_queue(redis: Redis, redis_prefix: str) -> None:
    waits: list[tuple[str, float]] = []
    transport = ArqTransport(
        redis, redis_prefix, lambda queue, seconds: waits.append((queue, seconds))
    )
    heard = Heard()
    began = time.monotonic()
    await transport.ring(bells(3))
    await asyncio.sleep(0.2)  # what is measured is time itself: that in which nobody takes them
    async with receiving(transport, heard):
        await eventually(lambda: len(heard.ids) == 3)
    assert [queue for queue, _ in waits] == ["orders"] * 3
    longest = time.monotonic() - began
    # told by the wall clock in whole milliseconds, which may be set right meanwhile, by a little
    assert all(0.15 < seconds < longest + 0.05 for _, seconds in waits)


async def test_each_command_of_a_watched_client_is_timed(redis_url: str, redis_prefix: str) -> None:
    told: list[tuple[str, bool]] = []

    def watch(command: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        told.append((command, failed))

    client = connect(redis_url, watch=watch)
    transport, heard = ArqTransport(client, redis_prefix), Heard()
    await transport.ring(bells(1))
    async with receiving(transport, heard):
        await eventually(lambda: heard.ids)
        await asyncio.sleep(0)
    await client.set(f"{redis_prefix}text", "x", px=1_000)
    with pytest.raises(RedisError):
        await client.incr(f"{redis_prefix}text")
    await client.aclose()
    assert {("pipeline", False), ("ZPOPMIN", False), ("SET", False)} <= set(told)
    assert ("INCRBY", True) in told
    assert "BZPOPMIN" not in {command for command, _ in told}, "it waits on purpose"
