"""While the majority is away the primary holds writes that may be taken back: none is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pymongo
import pytest

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.domain.jobs import JobStatus, Succeeded
from pedidos_common.domain.orders import StatusCounts
from pedidos_common.domain.runs import Phase
from pedidos_common.testing.eventually import eventually
from tests.contract.jobs.ledgers import RUN, claimed, new
from tests.contract.test_order_store import FOREVER, WHOLE, at, chunk
from tests.contract.test_run_store import a_run
from tests.e2e.stack import until
from tests.faults.replica_set import ReplicaSet

LEASE_SECONDS = 60.0
# a primary alone serves reads for that long, time enough to look
ELECTION_MS = 10_000
# a look that waits for the majority to come back is cut off here: it told nothing
LOOK_SECONDS = 3.0


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    with ReplicaSet(tmp_path_factory.mktemp("replica_set"), ELECTION_MS) as started:
        yield started


@pytest.fixture
async def database(replica_set: ReplicaSet) -> AsyncIterator[Database]:
    until(replica_set.is_whole, 60)
    client = connect(replica_set.uri, "unconfirmed")
    try:
        found = durable(client, f"t{uuid4().hex[:16]}")
        await ensure_indexes(found)
        yield found
    finally:
        await client.close()


async def gone(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.timeout(120)
async def test_a_settle_that_may_be_taken_back_is_told_to_nobody(
    replica_set: ReplicaSet, database: Database
) -> None:
    ledger = MongoJobLedger(database, LEASE_SECONDS)
    await ledger.create([new("a"), new("b")])
    job = await claimed(ledger)
    with replica_set.majority_lost():
        outcome = Succeeded({}, (new("follows"),))
        settling = asyncio.ensure_future(ledger.settle(job, outcome))
        on_primary = {"_id": job.id, "status": JobStatus.SUCCEEDED}
        await eventually(lambda: database.jobs.find_one(on_primary))
        assert list(await ledger.left_follow_ups(0.0, 10)) == []
        assert list(await ledger.settled_among([job.id, f"{RUN}:b"])) == []
        told = {one.id: one.status async for one in ledger.of_scope(RUN)}
        assert told[job.id] is JobStatus.RUNNING
        assert not settling.done(), "acknowledged without a majority"
        await gone(settling)


@pytest.mark.timeout(120)
async def test_a_phase_that_may_be_taken_back_is_told_to_no_engine(
    replica_set: ReplicaSet, database: Database
) -> None:
    runs = MongoRunStore(database)
    run = await runs.start(a_run(1))
    with replica_set.majority_lost():
        moving = asyncio.ensure_future(runs.move(run, Phase.ENQUEUE_VIP, 1))
        on_primary = {"_id": run.scope, "phase": Phase.ENQUEUE_VIP}
        await eventually(lambda: database.process_runs.find_one(on_primary))
        seen = await runs.active()
        assert seen is not None
        assert seen.phase is Phase.GENERATING
        assert not moving.done(), "acknowledged without a majority"
        await gone(moving)


@pytest.mark.timeout(120)
async def test_a_chunk_that_a_zombie_wrote_is_not_taken_for_written(
    replica_set: ReplicaSet, database: Database
) -> None:
    """Else its job would be settled, and outlive orders that a fail-over takes back."""
    store = MongoOrderStore(database)
    with replica_set.majority_lost():
        zombie = asyncio.ensure_future(store.insert_chunk(chunk(), redelivered=False))
        await eventually(lambda: _all_there(database))
        again = asyncio.ensure_future(store.insert_chunk(chunk(), redelivered=True))
        await asyncio.wait([again], timeout=LOOK_SECONDS)
        assert not again.done(), "orders that a majority does not have count as stored"
        await gone(zombie)
        replica_set.secondaries()[0].go_on()
        assert await again == len(WHOLE)


async def _all_there(database: Database) -> bool:
    return await database.orders.count_documents({}) == len(WHOLE)


@pytest.mark.timeout(120)
async def test_orders_that_a_zombie_marked_are_not_counted_as_processed(
    replica_set: ReplicaSet, database: Database
) -> None:
    """Else a job that finds nothing left to do would be settled over orders that come back."""
    store = MongoOrderStore(database)
    await store.insert_chunk(chunk(), redelivered=False)
    with replica_set.majority_lost():
        zombie = asyncio.ensure_future(store.mark_processed(WHOLE, "sent", FOREVER))
        on_primary = {"status": "pendente"}
        await eventually(lambda: _none_is(database, on_primary))
        assert await store.count(WHOLE) == StatusCounts(pendente=len(WHOLE))
        record = await store.get(at(1)[0])
        assert record is not None
        assert record.status == "pendente"
        assert not zombie.done(), "acknowledged without a majority"
        await gone(zombie)


async def _none_is(database: Database, query: dict[str, str]) -> bool:
    return await database.orders.count_documents(query) == 0


@pytest.mark.timeout(120)
async def test_what_the_majority_never_had_is_gone_after_the_fail_over(
    replica_set: ReplicaSet, database: Database
) -> None:
    """The reason for all of the above, seen: the primary alone takes a settle, and dies."""
    ledger = MongoJobLedger(database, LEASE_SECONDS)
    await ledger.create([new("a")])
    job = await claimed(ledger)
    alone, others = replica_set.primary(), replica_set.secondaries()
    for node in others:
        node.kill()
    settling = asyncio.ensure_future(ledger.settle(job, Succeeded({})))
    on_primary = {"_id": job.id, "status": JobStatus.SUCCEEDED}
    await eventually(lambda: database.jobs.find_one(on_primary))
    await gone(settling)
    alone.kill()
    for node in (*others, alone):
        await asyncio.to_thread(node.start)
        if node is others[1]:
            await asyncio.to_thread(replica_set.primary)
    await asyncio.to_thread(until, replica_set.is_whole, 60)
    assert await _status(replica_set, database.name, job.id) is JobStatus.RUNNING
    assert await ledger.settle(job, Succeeded({})), "the worker still holds it, and settles again"


async def _status(replica_set: ReplicaSet, name: str, job_id: str) -> JobStatus:
    def look() -> JobStatus:
        with pymongo.MongoClient[dict[str, str]](replica_set.uri) as client:
            found = client[name].jobs.find_one({"_id": job_id})
            assert found is not None
            return JobStatus(found["status"])

    return await asyncio.to_thread(look)
