"""From a job's creation to its start, with nothing else going on.

A job is created and rung as the product does it (`MongoJobLedger.create`, `ArqTransport.ring`).
Its start is `firstClaimedAt`, MongoDB's time of the claim in whole milliseconds, so up to one is
added. Clocks are one, as all runs on this machine. (A job's `createdSeq` knows its second only.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random

from bench.running.database import PIPELINE_DATABASE
from bench.running.stack import ServerPair
from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.redis import client as redis_client
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import FINAL, Band, NewJob
from pedidos_common.domain.run_jobs import (
    GENERATE_CHUNK,
    GENERATION_QUEUE,
    ORDERS_QUEUE,
    PROCESS_ORDERS,
)
from pedidos_common.testing.eventually import eventually

KEY_PREFIX = "pedidos:"
PAUSES = (0.05, 0.3)
# every fourth time long enough that every receiver looks as rarely as it ever does
REST_PAUSES = (0.7, 1.0)
REST_EVERY = 4
SETTLE_SECONDS = 10.0
# long before any run of the bench: nothing is stored under it, and it is not open
NO_RUN = new_run_id(1_000_000_000_000, 1)


@dataclass(frozen=True, slots=True)
class Pickup:
    """Milliseconds of one job: until it was created, until it was rung, until it was started."""

    created_ms: float
    rung_ms: float
    started_ms: float


def redrive_of_nothing(number: int) -> NewJob:
    """A job that a worker carries out, and that finds no order to process."""
    return NewJob(
        id=f"redrive:bench-{number:06d}",
        function=PROCESS_ORDERS,
        queue=ORDERS_QUEUE,
        band=Band.HIGH,
        payload={"orderIds": [str(order_id(NO_RUN, number + 1))]},
    )


def chunk_of_no_run(number: int) -> NewJob:
    """A job that a generator takes and cancels at once, as its run is not open."""
    return NewJob(
        id=f"{NO_RUN}:chunk:{number:06d}",
        function=GENERATE_CHUNK,
        queue=GENERATION_QUEUE,
        band=Band.NORMAL,
        payload={"runId": str(NO_RUN), "index": number, "first": 1, "last": 1},
        scope=str(NO_RUN),
    )


def measure_pickups(
    servers: ServerPair, job: Callable[[int], NewJob], samples: int
) -> list[Pickup]:
    """Create that many jobs, one after the other with random pauses; remove them at the end.

    Raises:
        AssertionError: when jobs are not settled `SETTLE_SECONDS` after the last one.
        Unavailable: when a server does not answer.
    """
    return asyncio.run(_measure(servers, job, samples))


async def _measure(servers: ServerPair, job: Callable[[int], NewJob], samples: int) -> list[Pickup]:
    draw, sent = Random(samples), []
    async with _ports(servers) as (database, ledger, transport):
        for number in range(samples):
            await asyncio.sleep(draw.uniform(*(PAUSES if number % REST_EVERY else REST_PAUSES)))
            sent.append((job(number).id, await _send(job(number), ledger, transport)))
        started = await _started(database, [job_id for job_id, _ in sent])
        await database["jobs"].delete_many({"_id": {"$in": list(started)}})
    return [
        Pickup(
            (created - before) * 1000,
            (rung - before) * 1000,
            (started[job_id].timestamp() - before) * 1000 + 1,
        )
        for job_id, (before, created, rung) in sent
    ]


@asynccontextmanager
async def _ports(
    servers: ServerPair,
) -> AsyncIterator[tuple[Database, MongoJobLedger, ArqTransport]]:
    client = connect(servers.mongo_uri, "bench")
    redis = redis_client.connect(servers.redis_url, client_name="bench")
    try:
        database = durable(client, PIPELINE_DATABASE)
        transport = ArqTransport(redis, KEY_PREFIX)
        await transport.depth(ORDERS_QUEUE)  # connects, before a clock runs
        yield database, MongoJobLedger(database, lease_seconds=10.0), transport
    finally:
        await redis.aclose()
        await client.close()


async def _send(
    job: NewJob, ledger: MongoJobLedger, transport: ArqTransport
) -> tuple[float, float, float]:
    """When it was begun, when the job was created, and when it was rung."""
    before = time.time()
    bells = await ledger.create([job])
    created = time.time()
    await transport.ring(bells)
    return before, created, time.time()


async def _started(database: Database, ids: Sequence[str]) -> Mapping[str, datetime]:
    """When each was first claimed, once all are settled."""
    jobs, mine = database["jobs"], {"_id": {"$in": list(ids)}}

    async def all_settled() -> bool:
        return await jobs.find_one({**mine, "status": {"$nin": sorted(FINAL)}}) is None

    await eventually(all_settled, timeout_seconds=SETTLE_SECONDS, poll_seconds=0.1)
    found = jobs.find(mine, {"firstClaimedAt": 1})
    return {document["_id"]: document["firstClaimedAt"] async for document in found}
