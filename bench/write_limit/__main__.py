"""How many batches should write at once: constants beside the limit that workers find themselves.

    .venv/bin/python -m bench.write_limit [--orders 300000] [--rounds 3] [--processes 2]

So many processes update the same orders in batches, as workers with the built-in handler do: 25
batches at hand in each, of which as many write as it is allowed. The orders are written anew
before each measurement. At full size it takes some 4 minutes; nothing but MongoDB is started.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient, WriteConcern

from bench.command_line import options_of
from bench.results import result_of, save
from bench.running.measure import process_use, server_versions
from bench.running.same_orders import OrderSource
from bench.running.stack import ServerPair, server_pair
from bench.write_limit.rows import row_of, summary_of
from bench.write_limit.writing import DATABASE, MOST, RUN, SLOTS, START, Part, started, write
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import OrderRange

SECTION = "write_limit"
CHUNK = 10_000
ADAPTIVE = 0
LIMITS = (1, 2, 3, 4, 6, 8, 16, ADAPTIVE)
CLUSTERED = {"key": {"_id": 1}, "unique": True}
STEP_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> None:
    """Measure each limit in turn, round by round; keeps what it has when one fails."""
    options = _options(arguments)
    rows: list[Mapping[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        servers = stack.enter_context(server_pair(folder))
        version = server_versions(servers.mongo_uri, servers.redis_url)["mongod"]
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
    return options_of(parser, arguments)


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
    with context.Pool(part.processes, started) as pool:
        pool.map(abs, range(part.processes))  # all have started
        before = process_use("mongod", mongod_pid).cpu_seconds
        seen = pool.map_async(write, parts, chunksize=1).get(STEP_SECONDS)
        cpu = process_use("mongod", mongod_pid).since(before).cpu_seconds
    return row_of(part, seen, cpu)


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"Round {row['round']}, {row['limit']} at once: {row['orders_per_second']:,} orders/s, "
        f"mongod {row['mongod_cpu_seconds_per_100k']} CPU-s per 100,000, "
        f"a write {row['write_ms_median']} ms, limits {row['limits_found']}"
    )


def _save(rows: Sequence[Mapping[str, Any]], options: argparse.Namespace, version: str) -> None:
    if not rows:
        return
    given = {name: value for name, value in vars(options).items() if name != "command"}
    settings = {**given, "slots": SLOTS, "most": MOST, "start": START}
    summary = summary_of(rows)
    result = result_of(SECTION, options.command, settings, rows, summary, {"mongod": version})
    print(f"Summary: {summary}\nSaved as {save(result).name}")


if __name__ == "__main__":
    main()
