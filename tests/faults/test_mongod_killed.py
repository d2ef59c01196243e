"""mongod killed (`kill -9`) right after it acknowledged a write: the write is there afterwards.

On a standalone server once it is back, on a replica set on the node that was elected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from pedidos_common.adapters.mongo.client import Database, connect, durable, ping
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaderLease
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.domain.jobs import JobStatus, Succeeded
from pedidos_common.domain.runs import AbortRequest, Phase
from pedidos_common.testing.eventually import eventually
from tests.contract.jobs.ledgers import claimed, new, stored
from tests.contract.test_order_store import FOREVER, WHOLE, chunk
from tests.contract.test_run_store import a_run
from tests.e2e.stack import until
from tests.faults.mongod import Mongod
from tests.faults.replica_set import ReplicaSet

LEASE_SECONDS = 60.0


ELECTION_MS = 1_000
ALONE, SET = "standalone", "replica set"
Server = Mongod | ReplicaSet


@pytest.fixture(scope="module", params=[ALONE, SET])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "data"
    with Mongod(folder) if request.param == ALONE else ReplicaSet(folder, ELECTION_MS) as started:
        yield started


def kill_and_restart(server: Server) -> None:
    """A set has another primary then, and the one that was killed follows it."""
    if isinstance(server, Mongod):
        server.kill()
        server.start()
        return
    until(server.is_whole, 60)
    server.kill_primary().start()


class Killed:
    """A database whose server dies at once when told, and comes back on its data."""

    def __init__(self, server: Server, database: Database) -> None:
        self._server, self.database = server, database

    async def kill_and_restart(self) -> None:
        await asyncio.to_thread(kill_and_restart, self._server)
        # the first call meets a connection to the dead process
        await eventually(lambda: ping(self.database))

    @property
    def ledger(self) -> MongoJobLedger:
        return MongoJobLedger(self.database, LEASE_SECONDS)


@pytest.fixture
async def here(server: Server) -> AsyncIterator[Killed]:
    client = connect(server.uri, "killed")
    try:
        database = durable(client, f"t{uuid4().hex[:16]}")
        await ensure_indexes(database)
        yield Killed(server, database)
    finally:
        await client.close()


async def test_a_created_job_is_there(here: Killed) -> None:
    await here.ledger.create([new("a")])
    await here.kill_and_restart()
    assert (await stored(here.ledger)).status is JobStatus.QUEUED


async def test_a_claim_is_there_and_is_not_won_twice(here: Killed) -> None:
    await here.ledger.create([new("a")])
    first = await claimed(here.ledger)
    await here.kill_and_restart()
    assert await here.ledger.claim(first.id, "another") is None
    assert (await stored(here.ledger)).lease == first.lease
    assert await here.ledger.settle(first, Succeeded({}))


async def test_a_settle_is_there_and_is_not_done_twice(here: Killed) -> None:
    await here.ledger.create([new("a")])
    job = await claimed(here.ledger)
    assert await here.ledger.settle(job, Succeeded({"processed": 2}, (new("follows"),)))
    await here.kill_and_restart()
    after = await stored(here.ledger)
    assert (after.status, after.result) == (JobStatus.SUCCEEDED, {"processed": 2})
    (left,) = await here.ledger.left_follow_ups(0.0, 10)
    assert list(left.jobs) == [new("follows")]
    assert not await here.ledger.settle(job, Succeeded({"processed": 9}))


async def test_a_chunk_of_orders_is_there(here: Killed) -> None:
    store = MongoOrderStore(here.database)
    assert await store.insert_chunk(chunk(), redelivered=False) == len(WHOLE)
    await here.kill_and_restart()
    assert (await store.count(WHOLE)).pendente == len(WHOLE)


async def test_no_settle_outlives_its_orders(here: Killed) -> None:
    """The order of a worker's writes: its orders first, each acknowledged before the next."""
    store = MongoOrderStore(here.database)
    await store.insert_chunk(chunk(), redelivered=False)
    await here.ledger.create([new("a")])
    job = await claimed(here.ledger)
    assert await store.mark_processed(WHOLE, "x", FOREVER, first_time=True) == len(WHOLE)
    await here.kill_and_restart()
    assert (await store.count(WHOLE)).processado == len(WHOLE)
    assert await here.ledger.settle(job, Succeeded({}))
    await here.kill_and_restart()
    assert (await stored(here.ledger)).status is JobStatus.SUCCEEDED
    assert (await store.count(WHOLE)).processado == len(WHOLE)


async def test_a_started_run_and_its_move_are_there(here: Killed) -> None:
    runs = MongoRunStore(here.database)
    run = await runs.start(a_run(1))
    await here.kill_and_restart()
    assert await runs.active() == run
    moved = await runs.move(run, Phase.ENQUEUE_VIP, 1)
    await here.kill_and_restart()
    assert moved is not None
    assert await runs.active() == moved
    assert await runs.move(run, Phase.ENQUEUE_VIP, 1) is None


async def test_a_request_to_end_a_run_is_there(here: Killed) -> None:
    runs = MongoRunStore(here.database)
    run = await runs.start(a_run(1))
    assert await runs.request_abort(run.id, AbortRequest())
    await here.kill_and_restart()
    assert not await runs.is_open(run.scope)


async def test_the_leader_lease_keeps_its_epoch(here: Killed) -> None:
    leader = MongoLeaderLease(here.database)
    epoch = await leader.acquire("one", 60.0)
    await here.kill_and_restart()
    assert await leader.acquire("two", 60.0) is None
    assert await leader.acquire("one", 60.0) == epoch
