"""Collections and indexes, made by many processes that start at once."""

from __future__ import annotations

import asyncio
import contextlib

from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes

AT_ONCE = 8


async def test_many_that_start_at_once_make_them_together(
    mongo_uri: str, mongo_database: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        databases = []
        for n in range(AT_ONCE):
            client = await stack.enter_async_context(connect(mongo_uri, f"starter-{n}"))
            databases.append(durable(client, mongo_database))
        await asyncio.gather(*(database.command("ping") for database in databases))
        await asyncio.gather(*(ensure_indexes(database) for database in databases))
        assert "external_id_once" in await databases[0]["orders"].index_information()
