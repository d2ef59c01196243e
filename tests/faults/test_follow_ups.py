"""`kill -9` between an outcome and what follows from it: it follows all the same, once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from tests.e2e.stack import REPOSITORY
from tests.faults.armed import Armed, Failpoints
from tests.faults.chain_process import CHAIN, QUEUE, ROLE, Chain, always
from tests.faults.hooks.failpoints import AFTER, BEFORE
from tests.faults.hooks.points import Point

SETTLE = Point("MongoJobLedger", "settle", "Succeeded")
CREATE = Point("MongoJobLedger", "create")
NOTE = Point("MongoJobLedger", "note_followed")
PATIENCE = Patience(look_after_seconds=0.3, follow_after_seconds=0.2)


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    client = connect(mongo_uri, "follow-ups")
    try:
        found = durable(client, mongo_database)
        await ensure_indexes(found)
        yield found
    finally:
        await client.close()


def killed_at(folder: Path, armed: Armed, *arguments: str) -> int:
    """How the chain's process ended that came to this failpoint."""
    failpoints = Failpoints(folder)
    failpoints.arm(armed)
    environ = {**os.environ, **failpoints.environ({"PYTHONPATH": str(REPOSITORY)})}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.chain_process", *arguments],
        env=environ,
        cwd=REPOSITORY,
        check=False,
        timeout=60,
    )
    return done.returncode


async def mended(database: Database) -> Chain:
    """Another process takes over, beside a reconciler, until the chain is over."""
    chain, transport = Chain(database, "another"), InMemoryTransport()
    leads: Any = type("Leads", (), {"epoch": 1, "answered_since": 0.0})()
    reconciler = Reconciler(chain.ledger, transport, always, leads, PATIENCE)
    await chain.ledger.take_back("chain process", always)

    async def is_over() -> bool:
        await reconciler.round()
        await chain.take(transport._take(QUEUE, 5))
        return await chain.is_over() and not await chain.ledger.left_follow_ups(0.0, 10)

    await eventually(is_over)
    await chain.executor.drain(5.0)
    return chain


@pytest.mark.parametrize(
    "armed",
    [
        Armed(SETTLE, AFTER, ROLE),
        Armed(CREATE, AFTER, ROLE, call=2),
        pytest.param(Armed(SETTLE, BEFORE, ROLE), marks=pytest.mark.slow),
        pytest.param(Armed(CREATE, BEFORE, ROLE, call=2), marks=pytest.mark.slow),
        pytest.param(Armed(NOTE, BEFORE, ROLE), marks=pytest.mark.slow),
        pytest.param(Armed(NOTE, AFTER, ROLE), marks=pytest.mark.slow),
    ],
    ids=str,
)
async def test_what_follows_from_a_killed_process_s_job_is_there_once(
    armed: Armed, database: Database, mongo_uri: str, tmp_path: Path
) -> None:
    ended = await asyncio.to_thread(killed_at, tmp_path, armed, mongo_uri, database.name)
    assert ended == -9
    await mended(database)
    jobs = {job["_id"]: job for job in await database.jobs.find({}).to_list()}
    assert sorted(jobs) == CHAIN
    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    assert sum(job["deliveries"] for job in jobs.values()) <= len(CHAIN) + 1
    assert await database.jobs.count_documents({"followUpsDue": True}) == 0
