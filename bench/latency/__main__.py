"""How soon things begin: jobs at rest, tiny runs, the status page, the barrier.

    make bench-latency                       (or .venv/bin/python -m bench.latency)

Starts embedded servers and the services on them, as `pedidos up` does. First nothing else goes
on: jobs are created with random pauses between, then runs of one order. Then runs of each size.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.latency.figures import latency_rows, misses, summary_of
from bench.latency.pickup import (
    chunk_of_no_run,
    measure_pickups,
    redrive_of_nothing,
)
from bench.latency.runs import run, run_row, status_at_rest
from bench.results import result_of, save
from bench.running.database import CODEC, PIPELINE_DATABASE
from bench.running.measure import ProcessUse, process_use
from bench.running.stack import RunningServices, ServerPair, server_pair, services
from pedidos_common.domain.jobs import NewJob

SECTION = "latency"
SETTLE_SECONDS = 3.0
PICKUPS: tuple[tuple[str, Callable[[int], NewJob]], ...] = (
    ("orders", redrive_of_nothing),
    ("generation", chunk_of_no_run),
)
Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part of the bench asks."""

    servers: ServerPair
    running: RunningServices
    client: MongoClient[dict[str, Any]]
    options: argparse.Namespace


def main(arguments: list[str] | None = None) -> int:
    """Measure and keep it; 1 where a part failed, or something is not as promised."""
    options = _options(arguments)
    started = time.monotonic()
    rows: list[dict[str, Any]] = []
    failure, version = None, ""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-latency-")))
        servers = stack.enter_context(server_pair(folder))
        workers = (options.generators, options.workers)
        running = stack.enter_context(services(servers, folder / "services", *workers))
        client = stack.enter_context(MongoClient[dict[str, Any]](servers.mongo_uri))
        version = str(client.server_info()["version"])
        bench = Bench(servers, running, client, options)
        try:
            for part in (_idle, _pickups, _tiny, _status, _runs):
                rows.extend(part(bench))  # a list keeps what it got before its source fails
        except Exception as error:  # noqa: BLE001 - what was measured before is kept
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
    return _report(rows, options, time.monotonic() - started, version, failure)


def _report(
    rows: list[dict[str, Any]],
    options: argparse.Namespace,
    seconds: float,
    version: str,
    failure: str | None,
) -> int:
    summary = summary_of(rows)
    for name, value in summary.items():
        print(f"{name}: {value}")
    missed = [*misses(summary), *([f"a part failed: {failure}"] if failure else [])]
    settings = {**vars(options), "seconds": round(seconds)}
    kept = {**summary, **({"failed": failure} if failure else {})}
    result = result_of(SECTION, "make bench-latency", settings, rows, kept, {"mongod": version})
    print(f"Written to {save(result)} after {seconds:.0f} s")
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


# -- nothing else goes on


def _idle(bench: Bench) -> Rows:
    """What waiting costs: processor time of each process while nobody asks for anything."""
    time.sleep(SETTLE_SECONDS)
    before, began = _uses(bench), time.monotonic()
    time.sleep(bench.options.idle_seconds)
    took = time.monotonic() - began
    for then, now in zip(before, _uses(bench), strict=True):
        percent = round(100 * (now.cpu_seconds - then.cpu_seconds) / took, 1)
        print(f"At rest {now.name} takes {percent} % of a core")
        yield {"kind": "idle", "process": now.name, "cpu_percent": percent}


def _uses(bench: Bench) -> list[ProcessUse]:
    others = [(f"{p['role']} {p['index']}", p["pid"]) for p in bench.running.processes()]
    return [process_use(name, pid) for name, pid in [("mongod", bench.servers.mongod_pid), *others]]


def _pickups(bench: Bench) -> Rows:
    for queue, job in PICKUPS:
        samples = bench.options.pickups
        print(f"Creating {samples} jobs on the queue {queue} ...", flush=True)
        found = measure_pickups(bench.servers, job, samples)
        yield from latency_rows(f"pickup, {queue}", [one.started_ms for one in found])
        created = [one.created_ms for one in found]
        rung = [one.rung_ms - one.created_ms for one in found]
        yield from latency_rows(f"of that, creating, {queue}", created)
        yield from latency_rows(f"of that, ringing, {queue}", rung)


def _tiny(bench: Bench) -> Rows:
    count = bench.options.tiny
    print(f"Taking {count} runs of one order ...", flush=True)
    found = [_one_run(bench, 1, seed) for seed in range(count)]
    parts = {
        "one order, POST to DONE": "total_ms",
        "one order, POST to its chunk's start": "first_chunk_started_ms",
        "one order, POST to processed": "first_processed_ms",
        "one order, last settle to DONE": "end_ms",
    }
    for what, name in parts.items():
        yield from latency_rows(what, [row[name] for row in found])


def _one_run(bench: Bench, quantity: int, seed: int) -> dict[str, Any]:
    time.sleep(random.uniform(0.05, 0.3))
    asked = run(bench.running.api, quantity, seed)
    database = bench.client.get_database(PIPELINE_DATABASE, codec_options=CODEC)
    return run_row(database, asked, quantity)


def _status(bench: Bench) -> Rows:
    seconds = bench.options.status_seconds
    print(f"Asking for the status at rest for {seconds:.0f} s ...", flush=True)
    yield from latency_rows("status at rest", status_at_rest(bench.running.api, seconds))


# -- runs


def _runs(bench: Bench) -> Rows:
    for quantity in bench.options.runs:
        asked: list[float] = []
        for number in range(1, bench.options.rounds + 1):
            bench.client.admin.command("fsync")
            one = run(bench.running.api, quantity, number)
            database = bench.client.get_database(PIPELINE_DATABASE, codec_options=CODEC)
            row = run_row(database, one, quantity)
            asked += one.status_ms
            print(f"Run {number} of {bench.options.rounds}: {_described(row)}", flush=True)
            yield {"round": number, **row}
        yield from latency_rows(f"{quantity} orders status", asked)


def _described(row: dict[str, Any]) -> str:
    barrier = "none" if row["barrier_ms"] is None else f"{row['barrier_ms']:.0f} ms"
    return (
        f"{row['orders']:,} orders in {row['total_ms'] / 1000:.2f} s, barrier {barrier}, "
        f"first order processed after {row['first_processed_ms']:.0f} ms"
    )


def _sizes(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",") if part]


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--pickups", type=int, default=300, help="jobs for each queue")
    parser.add_argument("--tiny", type=int, default=100, help="runs of one order")
    parser.add_argument("--runs", type=_sizes, default=[100_000, 1_000_000], metavar="N,N")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each size")
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--status-seconds", type=float, default=30.0)
    parser.add_argument("--generators", type=int, default=2, help="generator processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
