"""Calls that are cancelled while MongoDB is away leave a client that works once it is back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from pedidos_common.adapters.mongo.client import connect, durable, ping
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.testing.eventually import eventually
from tests.faults.mongod import Mongod

CALLS, ROUNDS = 20, 40


def is_under_way() -> bool:
    """Whether the driver is still at a call; a cancelled one goes on without its caller."""
    calls = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return "MongoJobLedger.get" in calls


async def cancel_twice(tasks: list[asyncio.Task[object]]) -> None:
    """As a job is that lost its lease while its process is told to stop."""
    for _ in range(2):
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)


@pytest.mark.timeout(120)
async def test_a_client_answers_again_whatever_was_cancelled_meanwhile(tmp_path: Path) -> None:
    drawn = Random(1)
    with Mongod(tmp_path / "data") as server:
        client = connect(server.uri, "cancelled calls")
        database = durable(client, "cancelled")
        ledger = MongoJobLedger(database, 10.0)
        assert await ledger.get("nothing") is None
        server.kill()
        for _ in range(ROUNDS):
            calls: list[asyncio.Task[object]] = [
                asyncio.create_task(ledger.get("nothing")) for _ in range(CALLS)
            ]
            await asyncio.wait(calls, timeout=drawn.uniform(0.0, 0.1))
            await cancel_twice(calls)
        assert is_under_way()
        await asyncio.to_thread(server.start)
        await eventually(lambda: ping(database), timeout_seconds=20)
        async with asyncio.timeout(20):
            assert await ledger.get("nothing") is None
        # a client closed in mid-call leaves the call's connection open, for the collector to find
        await eventually(lambda: not is_under_way(), timeout_seconds=20)
        await client.close()
