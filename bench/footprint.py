"""What orders, jobs and rings take: bytes, and each process' time at two batch sizes.

`python -m bench.footprint` takes two small runs through the pipeline on a MongoDB with an oplog,
the second with one job an order, and reads what servers say they hold. About two minutes at the
sizes that it has by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

import httpx
import redis
from pymongo import MongoClient, WriteConcern
from redis.asyncio import Redis

from bench.measure import process_use
from bench.results import result_of, save
from bench.stack import RunningServices, ServerPair, server_pair, services
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.domain.jobs import Band
from pedidos_common.domain.run_jobs import ORDERS_QUEUE, batch_job_id
from pedidos_common.domain.orders import Priority
from pedidos_common.ports import Bell

DATABASE = "pedidos"
RUN_SECONDS, POLL_SECONDS = 600.0, 0.25
ENDED = frozenset({"DONE", "ABORTED", "ERROR"})
RINGS, SMALL_WRITES = 10_000, 200
GENERATORS, WORKERS = 2, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, save the section `footprint`, say where."""
    options = _options(arguments)
    rows, summary = [], {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        servers = stack.enter_context(server_pair(folder, replica_set=True))
        with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
            version = str(client.server_info()["version"])
            summary["durable_write_ms"] = round(_durable_write_ms(client), 3)
            for batch_size, quantity in ((1_000, options.quantity), (1, options.singles)):
                row = _run(servers, folder / f"batch-{batch_size}", client, batch_size, quantity)
                print(f"{quantity:,} orders in batches of {batch_size:,}: {row['seconds']} s")
                rows.append(row)
        summary |= _bytes(rows, options) | {"redis_bytes_per_ring": _ring_bytes(servers.redis_url)}
        redis_version = _redis_info(servers.redis_url, "server")["redis_version"]
    settings = {"quantity": options.quantity, "singles": options.singles}
    servers_ = {"mongod": version, "redis": str(redis_version)}
    command = "python -m bench.footprint"
    result = result_of("footprint", command, settings, rows, summary, servers_)
    for name, value in summary.items():
        print(f"{name}: {value}")
    print(f"Written to {save(result, options.folder)}" if options.folder else save(result))
    return 0


def _run(
    servers: ServerPair,
    folder: Path,
    client: MongoClient[dict[str, Any]],
    batch_size: int,
    quantity: int,
) -> dict[str, Any]:
    client.drop_database(DATABASE)
    with (
        _environment(ORDERS_BATCH_SIZE=str(batch_size)),
        services(servers, folder, GENERATORS, WORKERS) as running,
    ):
        before, written = _cpu_seconds(running, servers), _written(client)
        seconds = _take(running, quantity)
        after, written_after = _cpu_seconds(running, servers), _written(client)
    used = {role: after[role] - before[role] for role in after}
    return {
        "kind": "run",
        "orders_batch_size": batch_size,
        "quantity": quantity,
        "seconds": round(seconds, 2),
        **{
            f"{role}_cpu_seconds_per_100k": round(value / quantity * 100_000, 4)
            for role, value in used.items()
        },
        **{name: written_after[name] - written[name] for name in written},
        **_held(client),
    }


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _take(running: RunningServices, quantity: int) -> float:
    with httpx.Client(base_url=running.api, timeout=30.0, trust_env=False) as api:
        began = time.perf_counter()
        answer = api.post("/pedidos/generate", params={"quantity": quantity, "seed": 7})
        run_id = answer.raise_for_status().json()["runId"]
        while (seconds := time.perf_counter() - began) < RUN_SECONDS:
            status = api.get("/pedidos").raise_for_status().json()
            if status["lastRunId"] == run_id and status["phase"] in ENDED:
                if status["phase"] != "DONE":
                    raise RuntimeError(f"run {run_id} ended {status['phase']}: look at its logs")
                return seconds
            time.sleep(POLL_SECONDS)
    raise TimeoutError(f"run {run_id} is not over after {RUN_SECONDS:.0f} s")


def _cpu_seconds(running: RunningServices, servers: ServerPair) -> dict[str, float]:
    used = {"mongod": process_use("mongod", servers.mongod_pid).cpu_seconds}
    for process in running.processes():
        role = str(process["role"])
        seconds = process_use(role, process["pid"]).cpu_seconds
        used[role] = used.get(role, 0.0) + seconds
    cpu = _redis_info(servers.redis_url, "cpu")
    used["redis"] = float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
    return used


def _redis_info(url: str, section: str) -> Mapping[str, Any]:
    with closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
        return cast("Mapping[str, Any]", client.info(section))


def _written(client: MongoClient[dict[str, Any]]) -> dict[str, int]:
    """What the server has written so far: to its journal, and in checkpoints and evictions."""
    tiger = client.admin.command("serverStatus")["wiredTiger"]
    return {
        "journal_bytes": int(tiger["log"]["log bytes written"]),
        "block_bytes": int(tiger["block-manager"]["bytes written"]),
        "oplog_bytes": int(client.local.command("collStats", "oplog.rs")["size"]),
    }


def _held(client: MongoClient[dict[str, Any]]) -> dict[str, int]:
    """Bytes of what is stored, and on disk, once all is written out; how many jobs there are."""
    client.admin.command("fsync")
    orders, jobs = (client[DATABASE].command("collStats", name) for name in ("orders", "jobs"))
    return {
        "order_bytes": int(orders["size"]),
        "order_disk_bytes": int(orders["totalSize"]),
        "jobs": int(jobs["count"]),
        "job_bytes": int(jobs["size"]),
        "job_disk_bytes": int(jobs["totalSize"]),
    }


def _bytes(rows: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, float]:
    """Per order from the run of large batches; per job from what the run of single ones adds."""
    large, small = rows
    more_jobs = small["jobs"] - large["jobs"] * options.singles / options.quantity
    per_order = {
        f"{name}_per_order": round(large[name] / large["quantity"], 1)
        for name in ("order_bytes", "order_disk_bytes", "journal_bytes", "oplog_bytes")
    }
    per_job = {
        f"{name}_per_job": round(
            (small[name] - large[name] * options.singles / options.quantity) / more_jobs
        )
        for name in ("job_bytes", "job_disk_bytes", "journal_bytes", "oplog_bytes")
    }
    return {**per_order, "block_bytes_per_order": round(large["block_bytes"] / large["quantity"], 1)
            } | per_job


def _durable_write_ms(client: MongoClient[dict[str, Any]]) -> float:
    concern = WriteConcern(w="majority", j=True)
    small = client["footprint"].get_collection("small", write_concern=concern)
    took = []
    for number in range(SMALL_WRITES):
        began = time.perf_counter()
        small.replace_one({"_id": 1}, {"number": number}, upsert=True)
        took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _ring_bytes(url: str) -> float:
    """What Redis' memory grows by for each ring that waits."""
    run_id = "0199d3a0-0000-8000-8000-000000000000"
    bells = [
        Bell(batch_job_id(run_id, Priority.NORMAL, n // 10, n % 10), ORDERS_QUEUE, Band.NORMAL, 1)
        for n in range(RINGS)
    ]
    with closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
        client.flushall()
    before = int(_redis_info(url, "memory")["used_memory_dataset"])

    async def ring() -> None:
        client = Redis.from_url(url, socket_timeout=5)
        async with client:
            await ArqTransport(client, "footprint:").ring(bells)

    asyncio.run(asyncio.wait_for(ring(), 60))
    return round((int(_redis_info(url, "memory")["used_memory_dataset"]) - before) / RINGS)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--quantity", type=int, default=300_000, help="orders in usual batches")
    parser.add_argument("--singles", type=int, default=20_000, help="orders with a job for each")
    parser.add_argument("--folder", type=Path, help="where the result is written")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
