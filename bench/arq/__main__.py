"""`make bench-arq`: a plain arq worker, one job an order, beside the pipeline on the same servers.

The arq side (`generate` and `worker`) is what its users would write, tuned: first each of a few
settings takes a small number of orders, and the fastest of them is measured, with the driver's
default write concern and with the pipeline's. Both sides' seconds go from the first insert to the
last update. About 5 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from rich.console import Console

from bench.arq.rounds import ArqFigures, Tuning, arq_round
from bench.arq.rows import arq_row, pipeline_row, summary_of, table
from bench.command_line import options_of, wide_console
from bench.promises import ARQ_FACTOR
from bench.results import FOLDER, result_of, save
from bench.running.database import PIPELINE_DATABASE, dropped
from bench.running.measure import server_versions
from bench.running.single_runs import RunFigures, RunPlan, run_on
from bench.running.stack import ServerPair, server_pair
from bench.running.timed_run import FAILURES

MAX_JOBS = (10, 25, 50, 100)
POLL_DELAYS = (0.01, 0.05)
MIN_WIDTH = 150


def main(arguments: list[str] | None = None) -> int:
    """Measure both sides; 1 when one did not end well, or the factor is below what is promised."""
    options = _options(arguments)
    console = wide_console(MIN_WIDTH)
    taken = Taken()
    try:
        _measure(taken, options, console)
    except FAILURES as problem:
        console.print(f"FAILED: {type(problem).__name__}: {problem}", markup=False)
    finally:
        summary = _saved(taken, options, console)
    factor = summary.get("factor", 0.0)
    console.print(
        f"The pipeline takes {factor} times the orders/s; at least {ARQ_FACTOR:.0f} promised."
    )
    return 0 if factor >= ARQ_FACTOR else 1


@dataclass
class Taken:
    """What was measured until now; the bench may be interrupted."""

    versions: Mapping[str, str] = field(default_factory=dict)
    plain: dict[Tuning, list[ArqFigures]] = field(default_factory=dict)
    piped: list[RunFigures] = field(default_factory=list)


def _measure(taken: Taken, options: argparse.Namespace, console: Console) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="pedidos-bench-") as name,
        server_pair(Path(name)) as servers,
    ):
        folder = Path(name)
        taken.versions = server_versions(servers.mongo_uri, servers.redis_url)
        tuning = _tuned(servers, folder, options, console)
        for number in range(1, options.rounds + 1):
            console.print(f"Round {number} of {options.rounds}:")
            for one in (tuning, replace(tuning, concern="durable")):
                figures = arq_round(servers, folder / "arq.log", one, options.arq_quantity)
                taken.plain.setdefault(one, []).append(figures)
                console.print(
                    f"  arq, {one.concern} writes: {figures.orders_per_second:,.0f} orders/s"
                )
            plan = RunPlan(options.quantity, options.seed)
            run = run_on(servers, folder / f"round-{number}", plan)
            taken.piped.append(run)
            with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
                dropped(client, PIPELINE_DATABASE)
            console.print(f"  pipeline: {run.quantity / run.seconds:,.0f} orders/s")


def _saved(taken: Taken, options: argparse.Namespace, console: Console) -> Mapping[str, Any]:
    """The summary; nothing is written where nothing was measured: an earlier result stays."""
    rows = [arq_row(tuning, figures) for tuning, figures in taken.plain.items()]
    rows += [pipeline_row(taken.piped)] if taken.piped else []
    summary = summary_of(rows)
    if rows:
        left_out = {"command", "results"}
        settings = {k: v for k, v in vars(options).items() if k not in left_out}
        result = result_of("arq", options.command, settings, rows, summary, taken.versions)
        save(result, options.results)
        console.print(table(rows))
    return summary


def _tuned(
    servers: ServerPair, folder: Path, options: argparse.Namespace, console: Console
) -> Tuning:
    """The fastest of a few settings."""
    speeds: dict[Tuning, float] = {}
    for max_jobs, delay in product(options.max_jobs, options.poll_delays):
        tuning = Tuning(max_jobs, delay)
        figures = arq_round(servers, folder / "arq.log", tuning, options.trial_quantity)
        speeds[tuning] = figures.orders_per_second
        console.print(
            f"Tuning arq: {max_jobs} jobs at once, poll delay {delay} s: "
            f"{speeds[tuning]:,.0f} orders/s"
        )
    return max(speeds, key=lambda tuning: speeds[tuning])


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.arq",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quantity", type=int, default=1_000_000, help="the pipeline's orders")
    parser.add_argument("--arq-quantity", type=int, default=20_000, help="arq's orders")
    parser.add_argument("--trial-quantity", type=int, default=4_000, help="orders a trial setting")
    parser.add_argument("--max-jobs", nargs="+", type=int, default=list(MAX_JOBS), metavar="N")
    parser.add_argument(
        "--poll-delays", nargs="+", type=float, default=list(POLL_DELAYS), metavar="SECONDS"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--results", type=Path, default=FOLDER, metavar="FOLDER")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
