"""`make bench`: the whole pipeline beside a bare driver loop, on the same servers, in turns.

Both write the same orders byte for byte (a sample of them is compared) into a collection of the
same layout and indexes, with the same write concern, and update them in the same ranges. The
services are stopped while the bare loop runs. Whoever goes first in one round goes second in the
next; a bare loop that goes first writes the orders of the round before.

About 35 s a round at 1,000,000 orders. What is measured is in `bench/results/pipeline.json`, also
where a later round fails; `make bench-compare` and `make bench-page` read it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.command_line import options_of, wide_console
from bench.paired.figures import Round, rows_of, summary_of
from bench.paired.layout import Layout
from bench.paired.report import misses, summary_lines, tables
from bench.paired.rounds import Settings, bare_round, pipeline_round
from bench.promises import RATIO
from bench.results import FOLDER, Result, result_of, save
from bench.running.measure import redis_peak_mib, server_versions
from bench.running.stack import ServerPair, server_pair
from bench.running.timed_run import FAILURES

MIN_WIDTH = 130
# What may end a round without making the rounds before it worthless.
ENDS_ROUNDS = (*FAILURES, KeyboardInterrupt)


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds, print and save them; 1 when a round failed or a limit was missed."""
    options = _options(arguments)
    console = wide_console(MIN_WIDTH)
    rounds: list[Round] = []
    missed: list[str] = []
    redis_peak, versions = 0.0, {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        servers = stack.enter_context(server_pair(folder, replica_set=options.replica_set))
        versions = server_versions(servers.mongo_uri, servers.redis_url)
        try:
            for one in _rounds(options.rounds, servers, folder, _settings(options)):
                rounds.append(one)
                redis_peak = redis_peak_mib(servers.redis_url)
                console.print(_line(len(rounds), options.rounds, one))
        except ENDS_ROUNDS as failure:
            missed.append(f"round {len(rounds) + 1} failed: {type(failure).__name__}: {failure}")
    if rounds:
        result = _result(options, rounds, redis_peak, versions)
        _show(console, result, rounds, redis_peak)
        console.print(f"Saved in {save(result, options.results)}; `make bench-compare` compares it")
        missed += misses(result.summary, options.limit)
    for line in missed:
        console.print(f"MISSED: {line}")
    return 1 if missed else 0


def _rounds(count: int, servers: ServerPair, folder: Path, settings: Settings) -> Iterator[Round]:
    """Only the first round has no choice: its bare loop needs the run's id and times."""
    layout: Layout | None = None
    for number in range(1, count + 1):
        first = bare_round(servers, layout, settings) if layout and number % 2 == 0 else None
        piped, layout = pipeline_round(servers, folder / f"round-{number}", settings)
        bare = first or bare_round(servers, layout, settings)
        yield Round(settings.quantity, piped, bare, bare_first=first is not None)


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        options.quantity, options.seed, options.generators, options.workers, options.prebuilt
    )


def _line(number: int, count: int, one: Round) -> str:
    return (
        f"Round {number} of {count}: pipeline {one.pipeline.outside_seconds:.1f} s, bare loop "
        f"{one.bare.times.total_seconds:.1f} s, ratio {one.ratio:.2f}, client CPU seconds per 100k "
        f"beyond the bare loop's {one.client_difference:.3f}"
    )


def _result(
    options: argparse.Namespace,
    rounds: Sequence[Round],
    redis_peak: float,
    versions: dict[str, str],
) -> Result:
    settings = {
        **asdict(_settings(options)),
        "rounds": options.rounds,
        "replica_set": options.replica_set,
    }
    figures = summary_of(rounds, redis_peak)
    return result_of(
        options.section, options.command, settings, list(rows_of(rounds)), figures, versions
    )


def _show(console: Console, result: Result, rounds: Sequence[Round], redis_peak: float) -> None:
    for table in tables(rounds, redis_peak):
        console.print(table)
    for line in summary_lines(result.summary, rounds[0].quantity):
        console.print(line, highlight=False)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.paired", description=__doc__)
    parser.add_argument("--quantity", type=int, default=1_000_000, help="orders a round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--generators", type=int, default=2, help="generator processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--replica-set", action="store_true", help="MongoDB with an oplog")
    parser.add_argument("--limit", type=float, default=RATIO, help="largest median of the ratio")
    parser.add_argument(
        "--prebuilt",
        action="store_true",
        help="build the bare loop's documents before its clock starts (takes memory)",
    )
    parser.add_argument("--section", default="pipeline", help="name of the result's file")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
