"""What orders, jobs and rings take: bytes, and each process' time at two batch sizes.

`python -m bench.capacity.footprint` takes two small runs through the pipeline, the second with one
job an order, on a standalone MongoDB and again on one with an oplog, and reads what the servers say
they hold and have written. About two minutes at the sizes that it has by itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from bench.capacity.readings import (
    bytes_held,
    bytes_written,
    durable_write_ms,
    redis_info,
    ring_bytes,
)
from bench.command_line import options_of
from bench.results import FOLDER, result_of, save
from bench.running.database import PIPELINE_DATABASE
from bench.running.measure import process_use, server_versions
from bench.running.stack import RunningServices, ServerPair, server_pair, services
from bench.running.timed_run import ENDED

RUN_SECONDS, POLL_SECONDS = 600.0, 0.25
IDLE_SECONDS = 5.0
GENERATORS, WORKERS = 2, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, save the section `footprint`, say where."""
    options = _options(arguments)
    plans = [Plan(1_000, options.quantity), Plan(1, options.singles)]
    with tempfile.TemporaryDirectory(prefix="pedidos-bench-") as folder:
        alone = _measured(Path(folder) / "alone", plans, replica_set=False)
        logged = _measured(Path(folder) / "replica-set", plans, replica_set=True)
    summary = {
        "durable_write_ms": alone.durable_write_ms,
        "durable_write_ms_replica_set": logged.durable_write_ms,
        "redis_bytes_per_ring": alone.ring_bytes,
        **bytes_summary(*logged.rows),
    }
    settings = {"quantity": options.quantity, "singles": options.singles}
    rows = [*alone.rows, *logged.rows]
    result = result_of("footprint", options.command, settings, rows, summary, alone.versions)
    for name, value in summary.items():
        print(f"{name}: {value}")
    print(f"Written: {save(result, options.folder)}")
    return 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Orders of one run, and how many of them are one job."""

    batch_size: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one pair of servers gave."""

    rows: Sequence[dict[str, Any]]
    durable_write_ms: float
    ring_bytes: float
    versions: Mapping[str, str]


def _measured(folder: Path, plans: Sequence[Plan], *, replica_set: bool) -> Measured:
    folder.mkdir()
    with (
        server_pair(folder, replica_set=replica_set) as servers,
        MongoClient[dict[str, Any]](servers.mongo_uri) as client,
    ):
        write_ms = round(durable_write_ms(client), 3)
        rows = []
        for plan in plans:
            row = _run(servers, folder / f"batch-{plan.batch_size}", client, plan)
            rows.append({**row, "replica_set": replica_set})
            kind = "replica set" if replica_set else "standalone"
            size, seconds = plan.batch_size, row["seconds"]
            print(f"{kind}: {plan.quantity:,} orders in batches of {size:,}: {seconds} s")
        versions = server_versions(servers.mongo_uri, servers.redis_url)
        return Measured(rows, write_ms, ring_bytes(servers.redis_url), versions)


def _run(
    servers: ServerPair,
    folder: Path,
    client: MongoClient[dict[str, Any]],
    plan: Plan,
) -> dict[str, Any]:
    quantity = plan.quantity
    client.drop_database(PIPELINE_DATABASE)
    batches = {"ORDERS_BATCH_SIZE": str(plan.batch_size)}
    with services(servers, folder, GENERATORS, WORKERS, batches) as running:
        idle = _idle_cores(running, servers)
        written, before = bytes_written(client), _cpu_seconds(running, servers)
        seconds = _take(running, quantity)
        after, written_after = _cpu_seconds(running, servers), bytes_written(client)
    used = {role: after[role] - before[role] for role in after}
    return {
        "kind": "run",
        "orders_batch_size": plan.batch_size,
        "quantity": quantity,
        "seconds": round(seconds, 2),
        **{
            f"{role}_cpu_seconds_per_100k": round(value / quantity * 100_000, 4)
            for role, value in used.items()
        },
        **{f"{role}_idle_cores": value for role, value in idle.items()},
        **{name: written_after[name] - written[name] for name in written},
        **bytes_held(client),
    }


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
    cpu = redis_info(servers.redis_url, "cpu")
    used["redis"] = float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
    return used


def _idle_cores(running: RunningServices, servers: ServerPair) -> dict[str, float]:
    """What each role uses of a core while there is nothing to do."""
    before, began = _cpu_seconds(running, servers), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    after, seconds = _cpu_seconds(running, servers), time.perf_counter() - began
    return {role: round((after[role] - before[role]) / seconds, 4) for role in after}


def bytes_summary(usual: Mapping[str, Any], singles: Mapping[str, Any]) -> dict[str, float]:
    """Per order from the run of usual batches; per job from what the run of single ones adds."""
    share = singles["quantity"] / usual["quantity"]
    more_jobs = singles["jobs"] - usual["jobs"] * share
    written = ("journal_bytes", "block_bytes", "oplog_bytes", "oplog_disk_bytes")
    per_order = {
        f"{name}_per_order": round(usual[name] / usual["quantity"], 1)
        for name in ("order_bytes", "order_disk_bytes", *written)
    }
    per_job = {
        f"{name}_per_job": round((singles[name] - usual[name] * share) / more_jobs)
        for name in ("job_bytes", "job_disk_bytes", "journal_bytes", "oplog_bytes")
    }
    return per_order | per_job


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity.footprint", description=__doc__)
    parser.add_argument("--quantity", type=int, default=300_000, help="orders in usual batches")
    parser.add_argument("--singles", type=int, default=10_000, help="orders with a job for each")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the result is written")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
