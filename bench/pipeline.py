"""`make bench`: the whole pipeline beside a bare driver loop, on the same servers, in turns.

Both write the same orders byte for byte (a sample of them is compared) into a collection of the
same layout and indexes, with the same write concern, and update them in the same ranges. The
services are stopped while the bare loop runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.measure import redis_peak_mib
from bench.report import Round, misses, summary, tables
from bench.rounds import Layout, Settings, bare_round, pipeline_round
from bench.stack import ServerPair, server_pair

MIN_WIDTH = 110


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds and print them; 1 when a run did not end well, or a limit was missed."""
    options = _options(arguments)
    settings = Settings(
        options.quantity, options.seed, options.generators, options.workers, options.prebuilt
    )
    console = Console()
    console.width = max(console.width, MIN_WIDTH)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        servers = stack.enter_context(server_pair(folder, replica_set=options.replica_set))
        rounds = _rounds(options.rounds, servers, folder, settings, console)
        redis_peak = redis_peak_mib(servers.redis_url)
    for table in tables(rounds, redis_peak):
        console.print(table)
    console.print(summary(rounds, options.quantity))
    if options.json:
        document = {**asdict(settings), "redis_peak_mib": redis_peak}
        document["rounds"] = [one.to_json() for one in rounds]
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    missed = list(misses(rounds, redis_peak, options.limit))
    for line in missed:
        console.print(f"MISSED: {line}")
    return 1 if missed else 0


def _rounds(
    count: int, servers: ServerPair, folder: Path, settings: Settings, console: Console
) -> list[Round]:
    """Whoever goes first in one round goes second in the next, as the machine's speed drifts."""
    rounds: list[Round] = []
    layout: Layout | None = None
    for number in range(1, count + 1):
        first = bare_round(servers, layout, settings) if layout and number % 2 == 0 else None
        piped, layout = pipeline_round(servers, folder / f"round-{number}", settings)
        rounds.append(Round(piped, first or bare_round(servers, layout, settings)))
        console.print(
            f"Round {number} of {count}: pipeline {piped.outside_seconds:.1f} s, "
            f"bare loop {rounds[-1].bare.times.total_seconds:.1f} s"
        )
    return rounds


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--quantity", type=int, default=1_000_000, help="orders a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--generators", type=int, default=2, help="generator processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--replica-set", action="store_true", help="MongoDB with an oplog")
    parser.add_argument("--limit", type=float, default=1.5, help="largest median of the ratio")
    parser.add_argument(
        "--prebuilt",
        action="store_true",
        help="build the bare loop's documents before its clock starts (takes memory)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
