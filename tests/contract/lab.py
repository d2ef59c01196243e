"""The same port twice: in memory, where a test moves the clock, and on a real MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually

KINDS = ["in_memory", "mongo"]
# long enough that a busy machine does not use it up between two calls
LEASE_SECONDS = 1.0


@dataclass
class Lab:
    """What an adapter stands on: exactly one of the two is there."""

    clock: ManualClock | None = None
    database: Database | None = None
    together: bool = False

    async def now(self) -> datetime:
        """The server's time."""
        if self.database is None:
            assert self.clock is not None
            return self.clock()
        told: datetime = (await self.database.command("hello"))["localTime"]
        return told.replace(tzinfo=UTC)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Let time pass until the condition holds."""

        async def holds() -> bool:
            if self.clock is not None:
                self.clock.advance(0.05)
            return bool(await condition())

        await eventually(holds)


@asynccontextmanager
async def lab_of(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """A lab of this kind; the database is the test's alone."""
    if kind == "in_memory":
        yield Lab(clock=ManualClock())
        return
    client = connect(request.getfixturevalue("mongo_uri"), "contract")
    try:
        database = durable(client, request.getfixturevalue("mongo_database"))
        await ensure_indexes(database)
        yield Lab(database=database)
    finally:
        await client.close()
