"""The small world over MongoDB's and Redis' own adapters, ten times as fast as its seconds say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient
from redis.asyncio import Redis

from pedidos_common.adapters.mongo.client import Database
from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaderLease, MongoLeaseKeeper
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.adapters.redis.arq_client import PrefixedArqRedis
from pedidos_common.adapters.redis.bells import Names, job_key
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.adapters.redis.worker import RingWorker
from pedidos_common.ports import ProcessReport
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_worker.handlers import OrderHandler
from tests.world.small_world import LEASE_SECONDS, QUEUES, SmallWorld
from tests.world.worker import Worker

SPEED = 10.0
LOOK_EVERY_SECONDS = 0.005
LONGEST_LOOKS = 100


@dataclass(frozen=True)
class Servers:
    """Connections, and a corner of each server that is one test's alone."""

    database: Database
    blocking: MongoClient[dict[str, Any]]
    redis: Redis
    prefix: str


class HastyLeaderLease(MongoLeaderLease):
    """The leader's lease, which lasts as long as it says in the world's seconds."""

    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """See `ports.LeaderLease.acquire`."""
        return await super().acquire(holder, lease_seconds / SPEED)


class RealWorld(SmallWorld):
    """A small world on real servers."""

    speed = SPEED
    # what waits for a busy machine is no stall
    stall_seconds = 600.0

    def __init__(self, servers: Servers, handler_for: Callable[[Worker], OrderHandler]) -> None:
        self._servers, self.handler_for = servers, handler_for
        database = servers.database
        self.runs, self.orders = MongoRunStore(database), MongoOrderStore(database)
        self.ledger = MongoJobLedger(database, LEASE_SECONDS / SPEED)
        self.leader_lease, self.queue_state = HastyLeaderLease(database), MongoQueueState(database)
        self.transport = ArqTransport(servers.redis, servers.prefix)
        self.events, self.logs = InMemoryEvents(), InMemoryLogGathering()
        self.imports = InMemoryImportStore()
        self._keeper = MongoLeaseKeeper(servers.blocking, database.name, LEASE_SECONDS / SPEED)
        self._arq = PrefixedArqRedis(servers.redis, servers.prefix)
        self._names_in_redis = Names(servers.prefix)
        self.furnish()

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    async def now(self) -> datetime:
        told: datetime = (await self._servers.database.command("hello"))["localTime"]
        return told.replace(tzinfo=UTC)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)

    async def extend(
        self, worker: Worker, leases: Mapping[str, str]
    ) -> tuple[datetime, frozenset[str]]:
        report = ProcessReport(worker.name, "worker", "here", 1, QUEUES, 2, worker.executor.busy)
        reply = await asyncio.to_thread(self._keeper.beat, report, leases)
        return reply.until, frozenset(reply.lost)

    # -- rings

    async def take(self, queue: str) -> str | None:
        heard: list[str] = []

        async def hear(job_id: str) -> None:
            heard.append(job_id)

        key = self._names_in_redis.queue(queue)
        ears = RingWorker(self._arq, key, lambda: 1, hear, lambda: True)
        while await ears._take(1):
            await asyncio.gather(*ears.tasks.values())
            if heard:
                return heard[0]
        return None

    async def lose_ring(self, place: int) -> str | None:
        keys = [self._names_in_redis.queue(queue) for queue in QUEUES]
        rings = [(key, ring) for key in keys for ring in await self._arq.zrange(key, 0, -1)]
        if not rings:
            return None
        key, ring = rings[place % len(rings)]
        await self._arq.zrem(key, ring)
        await self._arq.delete(job_key(ring.decode()))
        return str(ring.decode().rpartition(":")[0])

    async def forget_rings(self) -> None:
        found = self._servers.redis.scan_iter(match=f"{self._servers.prefix}*", count=1000)
        keys = [key async for key in found]
        if keys:
            await self._servers.redis.delete(*keys)

    # -- work

    async def quiet(self) -> None:
        for _ in range(LONGEST_LOOKS):
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for worker in [worker for worker in self.workers if worker.dying]:
                await self.crash(worker)
            if all(worker.executor.busy <= worker.waiting for worker in self.workers):
                return

    async def close(self) -> None:
        await self.forget_rings()
        for name in ("jobs", "orders", "process_runs", "leases", "controls", "processes"):
            await self._servers.database[name].delete_many({})
