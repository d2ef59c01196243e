"""The parts of `make bench-latency`: each gives its rows as it has them."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient

from bench.latency.figures import latency_rows
from bench.latency.pickup import chunk_of_no_run, measure_pickups, redrive_of_nothing
from bench.latency.runs import run, run_row, status_at_rest
from bench.running.database import pipeline_database
from bench.running.measure import ProcessUse, process_use
from bench.running.stack import RunningServices, ServerPair, process_ids
from pedidos_common.domain.jobs import NewJob

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


# -- nothing else goes on


def idle(bench: Bench) -> Rows:
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
    pids = process_ids(bench.servers, bench.running)
    return [process_use(name, pid) for name, pid in pids.items() if name != "redis"]


def pickups(bench: Bench) -> Rows:
    """From a job's creation to its start, on each queue."""
    for queue, job in PICKUPS:
        samples = bench.options.pickups
        print(f"Creating {samples} jobs on the queue {queue} ...", flush=True)
        found = measure_pickups(bench.servers, job, samples)
        yield from latency_rows(f"pickup, {queue}", [one.started_ms for one in found])
        created = [one.created_ms for one in found]
        rung = [one.rung_ms - one.created_ms for one in found]
        yield from latency_rows(f"of that, creating, {queue}", created)
        yield from latency_rows(f"of that, ringing, {queue}", rung)


def tiny(bench: Bench) -> Rows:
    """What of the time of a run of one order goes where."""
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
    return run_row(pipeline_database(bench.client), asked, quantity)


def status(bench: Bench) -> Rows:
    """How long the status takes while nothing runs."""
    seconds = bench.options.status_seconds
    print(f"Asking for the status at rest for {seconds:.0f} s ...", flush=True)
    yield from latency_rows("status at rest", status_at_rest(bench.running.api, seconds))


# -- runs


def runs(bench: Bench) -> Rows:
    """Runs of each size, and how long the status takes meanwhile."""
    for quantity in bench.options.runs:
        asked: list[float] = []
        for number in range(1, bench.options.rounds + 1):
            bench.client.admin.command("fsync")
            one = run(bench.running.api, quantity, number)
            row = run_row(pipeline_database(bench.client), one, quantity)
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


PARTS: tuple[Callable[[Bench], Rows], ...] = (idle, pickups, tiny, status, runs)
