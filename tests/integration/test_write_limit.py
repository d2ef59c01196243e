"""The write limit on a real MongoDB that becomes slow, or goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.execution.latency_limit import LatencyLimit
from pedidos_common.execution.write_limiter import WriteLimiter
from pedidos_common.testing.eventually import eventually
from tests.faults.proxy import Condition, Link, Proxy, Way

ORDERS = OrderRange(new_run_id(1, 1), 1, 100)
FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
SLOTS = 12


class Writing:
    """Twelve writers that always have something to write."""

    def __init__(self, store: MongoOrderStore) -> None:
        self.writes = WriteLimiter(LatencyLimit(most=8, start=4))
        self._store = store
        self.done = 0
        self.is_over = False

    async def go_on(self) -> None:
        while not self.is_over:
            with suppress(Unavailable):
                async with self.writes.writing(len(ORDERS)):
                    await self._store.mark_processed(ORDERS, "feito", FOREVER)
                self.done += 1

    def has_done(self, count: int) -> bool:
        return self.done >= count


@asynccontextmanager
async def writing(mongo_uri: str) -> AsyncIterator[tuple[Writing, Link]]:
    with Proxy() as proxy:
        link = proxy.link(urlsplit(mongo_uri).port or 27017)
        uri = f"mongodb://127.0.0.1:{link.port}/?directConnection=true"
        async with connect(uri, "test") as client:
            one = Writing(MongoOrderStore(durable(client, "write_limit_test")))
            tasks = [asyncio.create_task(one.go_on()) for _ in range(SLOTS)]
            try:
                yield one, link
            finally:  # a call that is cancelled goes on, and keeps its connection open
                one.is_over = True
                await asyncio.wait(tasks, timeout=30)


async def test_it_goes_down_when_writes_take_much_longer(mongo_uri: str) -> None:
    async with writing(mongo_uri) as (one, link):
        await eventually(lambda: one.has_done(200), 30)
        await asyncio.to_thread(link.become, Condition(delay_seconds=0.15))
        await eventually(lambda: one.writes.limit <= 2, 30)
        assert one.writes.in_flight <= 2


async def test_it_goes_down_while_the_server_is_away_and_work_goes_on_after(
    mongo_uri: str,
) -> None:
    async with writing(mongo_uri) as (one, link):
        await eventually(lambda: one.has_done(200), 30)
        await asyncio.to_thread(link.become, Condition(Way.CUT))
        await eventually(lambda: one.writes.limit == 1, 60)
        await asyncio.to_thread(link.heal)
        done = one.done
        await eventually(lambda: one.has_done(done + 200), 30)
        await eventually(lambda: one.writes.limit >= 2, 30)
