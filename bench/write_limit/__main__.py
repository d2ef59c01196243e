"""How many batches should write at once: constants beside the limit that workers find themselves.

    .venv/bin/python -m bench.write_limit [--orders 300000] [--rounds 3] [--processes 2]

So many processes update the same orders in batches, as workers with the built-in handler do: 25
batches at hand in each, of which as many write as it is allowed. The orders are written anew
before each measurement. At full size it takes some 4 minutes; nothing but MongoDB is started.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from pymongo import MongoClient, WriteConcern

from bench.results import result_of, save
from bench.running.measure import process_use
from bench.running.same_orders import OrderSource
from bench.running.stack import ServerPair, server_pair
from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.execution.latency_limit import LatencyLimit
from pedidos_common.execution.write_limiter import Constant, WriteLimiter

SECTION, DATABASE = "write_limit", "pedidos_write_limit"
CHUNK, SLOTS, MOST, START = 10_000, 25, 16, 4
ADAPTIVE = 0
LIMITS = (1, 2, 3, 4, 6, 8, 16, ADAPTIVE)
RUN = new_run_id(1_700_000_000_000, 7)
FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
CLUSTERED = {"key": {"_id": 1}, "unique": True}
TEXT = "processado sem prioridade"
STEP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one process does: every so-many-th batch; limit 0 finds its own."""

    uri: str
    orders: int
    batch: int
    limit: int
    share: int
    processes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one process saw: the limits that it had and how long each write took."""

    began_at: float
    ended_at: float
    limits: Sequence[int]
    seconds: Sequence[float]


class Watch:
    """Keeps how long writes took, and the limit after each."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.limits: list[int] = []

    def wrote(self, seconds: float) -> None:
        """See `WriteWatch`."""
        self.seconds.append(seconds)

    def stands(self, limit: int, in_flight: int) -> None:  # noqa: ARG002 - as it is called
        """See `WriteWatch`."""
        self.limits.append(limit)


def main(arguments: list[str] | None = None) -> None:
    """Measure each limit in turn, round by round; keeps what it has when one fails."""
    options = _options(arguments)
    rows: list[Mapping[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        servers = stack.enter_context(server_pair(folder))
        version = MongoClient[Any](servers.mongo_uri).server_info()["version"]
        stack.callback(lambda: _save(rows, options, version))
        for row in _rows(servers, options):
            rows.append(row)
            print(_line(row), flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.write_limit", description=__doc__)
    parser.add_argument("--orders", type=int, default=300_000, help="a measurement")
    parser.add_argument("--batch", type=int, default=1_000, help="orders a batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limits", type=int, nargs="+", default=LIMITS, help="0: finds its own")
    return parser.parse_args(arguments)


def _rows(servers: ServerPair, options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """Every second round goes backwards, as the machine's speed drifts."""
    for number in range(1, options.rounds + 1):
        for limit in options.limits if number % 2 else reversed(options.limits):
            part = Part(
                servers.mongo_uri, options.orders, options.batch, limit, 0, options.processes
            )
            _fill(part)
            yield {"round": number, **_measured(part, servers.mongod_pid)}


def _fill(part: Part) -> None:
    source, now = OrderSource(7, GENERATOR_VERSION), datetime.now(UTC)
    with MongoClient[Any](part.uri, uuidRepresentation="standard") as client:
        client.drop_database(DATABASE)
        database = client[DATABASE]
        database.create_collection("orders", clusteredIndex=CLUSTERED)
        orders = database.get_collection("orders", write_concern=WriteConcern(w="majority", j=True))
        for first in range(1, part.orders + 1, CHUNK):
            chunk = OrderRange(RUN, first, min(first + CHUNK - 1, part.orders))
            orders.insert_many(source.build(chunk, now)[1], ordered=False)


def _measured(part: Part, mongod_pid: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    parts = [replace(part, share=share) for share in range(part.processes)]
    with context.Pool(part.processes) as pool:
        pool.map(abs, range(part.processes))  # all have started
        before = process_use("mongod", mongod_pid).cpu_seconds
        seen = pool.map_async(_work, parts, chunksize=1).get(STEP_SECONDS)
        cpu = process_use("mongod", mongod_pid).since(before).cpu_seconds
    return row_of(part, seen, cpu)


def row_of(part: Part, seen: Sequence[Seen], cpu_seconds: float) -> dict[str, Any]:
    """What one measurement comes to; the limit is the median of the second half of each."""
    took = max(one.ended_at for one in seen) - min(one.began_at for one in seen)
    return {
        "limit": part.limit or "adaptive",
        "seconds": round(took, 3),
        "orders_per_second": round(part.orders / took),
        "mongod_cpu_seconds_per_100k": round(cpu_seconds / part.orders * 100_000, 3),
        "write_ms_median": round(1_000 * median(s for one in seen for s in one.seconds), 2),
        "limits_found": [median(one.limits[len(one.limits) // 2 :]) for one in seen],
    }


def _work(part: Part) -> Seen:
    return asyncio.run(_write_all(part))


async def _write_all(part: Part) -> Seen:
    watch = Watch()
    size = Constant(part.limit) if part.limit else LatencyLimit(MOST, START)
    writes = WriteLimiter(size, watch)
    batches = deque(_batches(part))
    async with connect(part.uri, "bench") as client:
        store = MongoOrderStore(durable(client, DATABASE))
        await store.get(batches[0].low)
        began_at = time.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(SLOTS):
                group.create_task(_slot(store, writes, batches))
        return Seen(began_at, time.time(), watch.limits, watch.seconds)


def _batches(part: Part) -> Iterator[OrderRange]:
    step = part.batch * part.processes
    for first in range(1 + part.share * part.batch, part.orders + 1, step):
        yield OrderRange(RUN, first, min(first + part.batch - 1, part.orders))


async def _slot(store: MongoOrderStore, writes: WriteLimiter, batches: deque[OrderRange]) -> None:
    while batches:
        orders = batches.popleft()
        async with writes.writing(len(orders)):
            await store.mark_processed(orders, TEXT, FOREVER, first_time=True)


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"Round {row['round']}, {row['limit']} at once: {row['orders_per_second']:,} orders/s, "
        f"mongod {row['mongod_cpu_seconds_per_100k']} CPU-s per 100,000, "
        f"a write {row['write_ms_median']} ms, limits {row['limits_found']}"
    )


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The best constant and the limit that was found, by medians of the rounds."""
    speed = {
        limit: median(row["orders_per_second"] for row in rows if row["limit"] == limit)
        for limit in dict.fromkeys(row["limit"] for row in rows)
    }
    constants = {limit: value for limit, value in speed.items() if limit != "adaptive"}
    found = [limit for row in rows if row["limit"] == "adaptive" for limit in row["limits_found"]]
    best = max(constants, key=lambda limit: constants[limit], default=None)
    return {
        "best_constant": best,
        "best_constant_orders_per_second": constants.get(best),
        "adaptive_orders_per_second": speed.get("adaptive"),
        "limit_found_median": median(found) if found else None,
    }


def _save(rows: Sequence[Mapping[str, Any]], options: argparse.Namespace, version: str) -> None:
    if not rows:
        return
    command = (
        f"python -m bench.write_limit --orders {options.orders} --batch {options.batch} "
        f"--rounds {options.rounds} --processes {options.processes}"
    )
    settings = {**vars(options), "slots": SLOTS, "most": MOST, "start": START}
    summary = summary_of(rows)
    result = result_of(SECTION, command, settings, rows, summary, {"mongod": version})
    print(f"Summary: {summary}\nSaved as {save(result).name}")


if __name__ == "__main__":
    main()
