"""Redis' memory stays bounded, whatever is rung and logged while nobody takes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from pedidos_common.adapters.redis import transport as arq
from pedidos_common.adapters.redis.client import Redis, connect
from pedidos_common.adapters.redis.logs import KEPT_LINES, LONGEST_LINE, RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.jobs import Band, NewJob
from pedidos_common.ports import LogLine
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.in_memory_controls import InMemoryLeaderLease
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from tests.counted import COUNTED
from tests.own_redis import OwnRedis

JOBS = 400
ROUNDS = 60
LOOK_AFTER_SECONDS = 1.5


@pytest.fixture
async def client() -> AsyncIterator[Redis]:
    """A Redis of this test alone."""
    with OwnRedis() as server:
        connected = connect(server.url)
        yield connected
        await connected.aclose()


class NoWorkers:
    """A reconciler over jobs that nobody takes, on a real Redis; time passes by hand."""

    def __init__(self, client: Redis) -> None:
        self._client, self._clock = client, ManualClock()
        self._ledger = InMemoryJobLedger(self._clock)
        self._transport = ArqTransport(client, "")
        leadership = Leadership(InMemoryLeaderLease(self._clock), "one")

        async def always(_scope: str) -> bool:
            return True

        self.reconciler = Reconciler(self._ledger, self._transport, always, leadership, Patience())

    async def enqueue(self) -> None:
        jobs = [NewJob(f"r:{n:04}", "f", "orders", Band.NORMAL, {}) for n in range(JOBS)]
        await self._transport.ring(await self._ledger.create(jobs))

    async def round(self) -> None:
        """Long enough after the one before that each ring is looked for."""
        self._clock.advance(2 * LOOK_AFTER_SECONDS)
        await self.reconciler.round()

    async def held(self) -> tuple[int, int, int]:
        """Rings, keys and bytes that Redis holds."""
        memory = await self._client.info("memory")
        rings = await self._client.zcard("rings:orders")
        return rings, await self._client.dbsize(), int(memory["used_memory"])


async def test_rings_that_are_lost_again_and_again_do_not_pile_up(
    client: Redis,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    # each definition has expired when it is looked for, as after an hour without a worker
    monkeypatch.setattr(arq, "EXPIRY_MS", 1)
    alone = NoWorkers(client)
    await alone.enqueue()
    seen = []
    for number in range(ROUNDS):
        if number % 10 == 5:
            await client.flushall()
        await alone.round()
        seen.append(await alone.held())
    most_rings = max(rings for rings, _keys, _bytes in seen)
    half, end = seen[ROUNDS // 2][2], seen[-1][2]
    assert alone.reconciler.rung >= JOBS * (ROUNDS - 2), "they were not rung again"
    assert most_rings <= JOBS
    assert end < 1.2 * half, (half, end)
    record_property(
        COUNTED,
        f"Redis without a worker: {alone.reconciler.rung} rings of {JOBS} jobs, at most "
        f"{most_rings} held; {half / 1e6:.2f} MB half-way, {end / 1e6:.2f} MB at the end",
    )


async def test_the_log_lines_kept_are_bounded(client: Redis) -> None:
    logs = RedisLogGathering(client, "")
    for number in range(25):
        line = LogLine("worker", "info", f"{number:5}" + "x" * 495)
        await logs.append([line] * 1_000)
    assert await client.xlen("logs") < 1.05 * KEPT_LINES
    await logs.append([LogLine("worker", "info", "x" * 10 * LONGEST_LINE)])
    (newest,) = await logs.newest(1)
    assert len(newest) == LONGEST_LINE
