"""The servers that every service stands on: connected lazily, waited for at start, closed last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from pedidos_common.adapters.command_watch import CommandWatch, both, ignore_command
from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.redis import client as redis_client
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.room import Room
from pedidos_common.ports import Tracing, Untraced
from pedidos_common.runtime.server_metrics import ServerMetrics
from pedidos_common.runtime.settings import MongoSettings, RedisSettings
from pedidos_common.runtime.waiting import until_reachable

log = structlog.get_logger(__name__)


class ServerSettings(MongoSettings, RedisSettings):
    """Where MongoDB and Redis are."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Clients of both servers, and the names under which this installation keeps its things."""

    mongo_client: mongo.AsyncClient
    database: mongo.Database
    redis: redis_client.Redis
    key_prefix: str

    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        """Whether each server can be *written* to now."""
        return {"mongo": self.mongo_writable, "redis": self.redis_writable}

    async def mongo_writable(self) -> bool:
        """Whether MongoDB answers as a primary.

        Raises:
            Unavailable: when it does not; says so in words that anyone may read.
        """
        if not await mongo.ping(self.database):
            raise Unavailable("it does not answer, or has no primary")
        return True

    async def redis_writable(self) -> bool:
        """Whether Redis takes a write.

        Raises:
            Unavailable: when it does not; says so in words that anyone may read.
        """
        try:
            await redis_client.check_writable(self.redis, self.key_prefix)
        except Unavailable:
            raise Unavailable(
                "it takes no write: is it away, full, loading, or read-only?"
            ) from None
        return True

    async def room(self) -> Sequence[Room]:
        """How full the servers are that tell it."""
        found = await asyncio.gather(self._redis_memory(), mongo.disk(self.database))
        return [room for room in found if room is not None]

    async def _redis_memory(self) -> Room | None:
        try:
            return await redis_client.memory(self.redis)
        except Unavailable:
            return None

    async def eviction_policy(self) -> str | None:
        """What Redis does when its memory is full; None where it does not answer or tell."""
        try:
            return await redis_client.eviction_policy(self.redis)
        except Unavailable:
            return None


@asynccontextmanager
async def connected(
    settings: ServerSettings,
    name: str,
    metrics: ServerMetrics | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[Connections]:
    """Clients for both servers, closed at the end; nothing is sent yet."""
    # where nothing is recorded, nobody is told of each command either
    tracing = None if isinstance(tracing, Untraced) else tracing
    watches = (metrics.mongodb, metrics.redis) if metrics else (None, ignore_command)
    redis_watch = both(watches[1], _spans_of_redis(tracing)) if tracing else watches[1]
    url, password = settings.redis_target()
    client = mongo.connect(settings.mongo_uri.get_secret_value(), name, watches[0], tracing)
    redis = redis_client.connect(url, password, client_name=name, watch=redis_watch)
    try:
        database = mongo.durable(client, settings.mongo_db)
        yield Connections(client, database, redis, settings.key_prefix)
    finally:
        await redis.aclose()
        await client.close()


def _spans_of_redis(tracing: Tracing) -> CommandWatch:
    def tell(command: str, seconds: float, *, failed: bool) -> None:
        tracing.call("redis", command, None, seconds, failed=failed)

    return tell


async def wait_for_servers(
    settings: ServerSettings, connections: Connections, stop: asyncio.Event
) -> bool:
    """Wait until both servers answer and the collections are there; False when told to stop.

    A Redis that answers and takes no write is enough to begin: taking its rings makes room.
    """

    async def prepare() -> None:
        await mongo.check_there(connections.database)
        await ensure_indexes(connections.database)

    async def listen() -> None:
        await redis_client.ping(connections.redis)

    both = await asyncio.gather(
        until_reachable("MongoDB", settings.mongo_address, prepare, "MONGO_URI", stop),
        until_reachable("Redis", settings.redis_address, listen, "REDIS_URL", stop),
    )
    if all(both):
        await _report_writes(settings.redis_address, connections)
        await _report_eviction(connections)
    return all(both)


async def _report_writes(address: str, connections: Connections) -> None:
    try:
        await redis_client.check_writable(connections.redis, connections.key_prefix)
    except Unavailable as error:
        log.warning(
            "redis_takes_no_writes",
            address=address,
            reason=str(error)[:300],
            message=f"Redis at {address} answers and takes no writes; starting all the same, since "
            "taking rings makes room. If its memory is full, raise its maxmemory or remove what is "
            "not ours; otherwise see that it is a master that can save. /readyz says 503 until "
            "it takes writes.",
        )


async def _report_eviction(connections: Connections) -> None:
    policy = await connections.eviction_policy()
    if policy not in {None, "noeviction"}:
        log.warning(
            "redis_may_evict",
            policy=policy,
            message=f"Redis evicts keys ({policy}): set maxmemory-policy to noeviction",
        )
