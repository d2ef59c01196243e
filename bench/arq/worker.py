"""The worker: a job function that updates its order, and the settings arq asks for.

    MONGO_URI=... REDIS_URL=... MAX_JOBS=25 POLL_DELAY=0.01 python -m bench.arq.worker

`WRITE_CONCERN=durable` takes the pipeline's write concern in place of the driver's default.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar, cast

import uvloop
from arq import run_worker
from arq.connections import RedisSettings
from pymongo import AsyncMongoClient, WriteConcern

DATABASE = "plain_arq"
CONCERNS = {"default": WriteConcern(), "durable": WriteConcern(w="majority", j=True)}
WORDING = {"VIP": "enviado com prioridade", "NORMAL": "processado sem prioridade"}


async def process_order(ctx: dict[Any, Any], order_id: str, priority: str) -> None:
    """Take one order from `pendente` to `processado`."""
    await ctx["orders"].update_one(
        {"_id": order_id, "status": "pendente"},
        {
            "$set": {"status": "processado", "observacoes": WORDING[priority]},
            "$currentDate": {"processedAt": True},
            "$inc": {"attempts": 1},
        },
    )


async def startup(ctx: dict[Any, Any]) -> None:
    """One client for all jobs of the process."""
    ctx["client"] = client = AsyncMongoClient[dict[str, Any]](os.environ["MONGO_URI"])
    concern = CONCERNS[os.environ.get("WRITE_CONCERN", "default")]
    ctx["orders"] = client[DATABASE].get_collection("orders", write_concern=concern)


async def shutdown(ctx: dict[Any, Any]) -> None:
    """Close what `startup` opened."""
    await ctx["client"].close()


class WorkerSettings:
    """What does not depend on the environment; results are not kept, since nobody reads them."""

    functions: ClassVar = [process_order]
    on_startup = startup
    on_shutdown = shutdown
    keep_result = 0
    max_tries = 5
    log_results = False


def main() -> None:
    """Work until told to stop."""
    asyncio.set_event_loop(uvloop.new_event_loop())
    run_worker(
        cast("Any", WorkerSettings),
        redis_settings=RedisSettings.from_dsn(os.environ["REDIS_URL"]),
        max_jobs=int(os.environ["MAX_JOBS"]),
        poll_delay=float(os.environ["POLL_DELAY"]),
    )


if __name__ == "__main__":
    main()
