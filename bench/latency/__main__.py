"""How soon things begin: jobs at rest, tiny runs, the status page, the barrier.

    make bench-latency                       (or .venv/bin/python -m bench.latency)

Starts embedded servers and the services on them, as `pedidos up` does. First nothing else goes
on: jobs are created with random pauses between, then runs of one order. Then runs of each size.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.latency.figures import misses, summary_of
from bench.latency.parts import PARTS, Bench
from bench.results import result_of, save
from bench.running.stack import server_pair, services

SECTION = "latency"


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
            for part in PARTS:
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
