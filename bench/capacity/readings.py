"""What MongoDB and Redis say of what they hold and have written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing
from statistics import median
from typing import Any, cast

import redis
from pymongo import MongoClient, WriteConcern
from redis.asyncio import Redis

from bench.running.database import PIPELINE_DATABASE
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.jobs import Band
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import ORDERS_QUEUE, batch_job_id
from pedidos_common.ports import Bell

RINGS, SMALL_WRITES = 10_000, 200


def redis_info(url: str, section: str) -> Mapping[str, Any]:
    """One section of Redis' `INFO`."""
    with closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
        return cast("Mapping[str, Any]", client.info(section))


def bytes_written(client: MongoClient[dict[str, Any]]) -> dict[str, int]:
    """What the server has written so far: to its journal, and in checkpoints and evictions."""
    client.admin.command("fsync")  # what is in memory only has to be written too
    oplog = client.local.command("collStats", "oplog.rs")
    tiger = client.admin.command("serverStatus")["wiredTiger"]
    return {
        "journal_bytes": int(tiger["log"]["log bytes written"]),
        "block_bytes": int(tiger["block-manager"]["bytes written"]),
        "oplog_bytes": int(oplog.get("size", 0)),
        "oplog_disk_bytes": int(oplog.get("storageSize", 0)),
    }


def bytes_held(client: MongoClient[dict[str, Any]]) -> dict[str, int]:
    """Bytes of what is stored, and on disk, once all is written out; how many jobs there are."""
    database = client[PIPELINE_DATABASE]
    orders, jobs = (database.command("collStats", name) for name in ("orders", "jobs"))
    return {
        "order_bytes": int(orders["size"]),
        "order_disk_bytes": int(orders["totalSize"]),
        "jobs": int(jobs["count"]),
        "job_bytes": int(jobs["size"]),
        "job_disk_bytes": int(jobs["totalSize"]),
    }


def durable_write_ms(client: MongoClient[dict[str, Any]]) -> float:
    """The median of small writes, one after the other, each acknowledged from the journal."""
    concern = WriteConcern(w="majority", j=True)
    small = client["footprint"].get_collection("small", write_concern=concern)
    took = []
    for number in range(SMALL_WRITES):
        began = time.perf_counter()
        small.replace_one({"_id": 1}, {"number": number}, upsert=True)
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def ring_bytes(url: str) -> float:
    """What Redis' memory grows by for each ring that waits."""
    run_id = "0199d3a0-0000-8000-8000-000000000000"
    bells = [
        Bell(batch_job_id(run_id, Priority.NORMAL, n // 10, n % 10), ORDERS_QUEUE, Band.NORMAL, 1)
        for n in range(RINGS)
    ]
    with closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
        client.flushall()
    before = int(redis_info(url, "memory")["used_memory_dataset"])

    async def ring() -> None:
        client = Redis.from_url(url, socket_timeout=5)
        async with client:
            await ArqTransport(client, "footprint:").ring(bells)

    asyncio.run(asyncio.wait_for(ring(), 60))
    return round((int(redis_info(url, "memory")["used_memory_dataset"]) - before) / RINGS)
