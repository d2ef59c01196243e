"""The generator: inserts the orders a thousand at a time, and enqueues a job for each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from pymongo import AsyncMongoClient

from bench.arq.worker import CONCERNS, DATABASE

INSERTED_AT_ONCE = 1_000
ENQUEUED_AT_ONCE = 100
POLL_SECONDS = 0.02
TIERS = (("BRONZE", "NORMAL"), ("PRATA", "NORMAL"), ("OURO", "NORMAL"), ("DIAMANTE", "VIP"))


async def orders_processed(
    mongo_uri: str, redis_url: str, quantity: int, concern: str, timeout_seconds: float
) -> None:
    """Store so many orders, enqueue them, and return when workers have done the last.

    Raises:
        TimeoutError: when they are not done in time.
        RuntimeError: when jobs are over and orders are not processed.
    """
    redis = await create_pool(RedisSettings.from_dsn(redis_url))
    async with (
        AsyncMongoClient[dict[str, Any]](mongo_uri) as client,
        asyncio.timeout(timeout_seconds),
    ):
        orders = client[DATABASE].get_collection("orders", write_concern=CONCERNS[concern])
        for first in range(0, quantity, INSERTED_AT_ONCE):
            documents = drawn_orders(min(INSERTED_AT_ONCE, quantity - first))
            await orders.insert_many(documents, ordered=False)
            await _enqueue(redis, documents)
        await _until_empty(redis)
        left = quantity - await orders.count_documents({"status": "processado"})
    await redis.aclose()
    if left:
        raise RuntimeError(f"the queue is empty, and {left:,} of {quantity:,} orders are not done")


async def _enqueue(redis: ArqRedis, documents: Sequence[dict[str, Any]]) -> None:
    """A group at a time: each job that is enqueued at once takes a connection."""
    for first in range(0, len(documents), ENQUEUED_AT_ONCE):
        group = documents[first : first + ENQUEUED_AT_ONCE]
        await asyncio.gather(
            *(redis.enqueue_job("process_order", one["_id"], one["priority"]) for one in group)
        )


async def _until_empty(redis: ArqRedis) -> None:
    """arq takes a job out of its queue when the job is over."""
    left = await redis.zcard(redis.default_queue_name)
    while left:
        await asyncio.sleep(POLL_SECONDS)
        left = await redis.zcard(redis.default_queue_name)


def drawn_orders(quantity: int) -> list[dict[str, Any]]:
    """Orders with the fields of the pipeline's."""
    now = datetime.now(UTC)
    return [_order(now) for _ in range(quantity)]


def _order(now: datetime) -> dict[str, Any]:
    tier, priority = random.choice(TIERS)
    return {
        "_id": str(uuid4()),
        "cliente": f"Cliente {random.randrange(100_000)}",
        "valor": round(random.uniform(10, 1_000), 2),
        "tier": tier,
        "priority": priority,
        "status": "pendente",
        "observacoes": "",
        "attempts": 0,
        "createdAt": now,
    }
