"""`make bench-observability`: a run with metrics and traces on beside one without, in turns.

On is the product as it comes, with a receiver of its traces and every process scraped each
`--scrape-seconds`. Off has no receiver and no scraper, and metrics are taken out of the services
(`without/sitecustomize.py`): the product has no switch for that. Both stand through all rounds,
so that the two runs of a round come right after one another; whoever goes first in one round goes
second in the next, and after each run all is reset. Processor time is that of the services and
Redis (`client`), and of MongoDB besides (`all`), and both are held to the promise; the receiver and
the scraper are in this process, which is not counted. 45 s a round at 1,000,000 orders.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from bench.command_line import options_of
from bench.observability.rows import OFF, ON, row_of, summary_of
from bench.observability.scraping import Scraper, jobs_counted
from bench.promises import OBSERVABILITY_PERCENT
from bench.results import FOLDER, result_of, save
from bench.running.measure import server_versions
from bench.running.single_runs import RunPlan, run_in
from bench.running.stack import RunningServices, ServerPair, server_pair, services
from bench.running.timed_run import FAILURES, timed_run
from bench.traces.receiver import Received, receiving


@dataclass(frozen=True, slots=True)
class Standing:
    """Servers and services that stand through all rounds, and who looks at them."""

    servers: ServerPair
    running: RunningServices
    received: Received
    scraper: Scraper


SECTION = "observability"
WITHOUT = Path(__file__).parent / "without"
ENDS_ROUNDS = (*FAILURES, KeyboardInterrupt)


def main(arguments: list[str] | None = None) -> int:
    """Run the rounds, print and save them; 1 when one failed or the promise was missed."""
    options = _options(arguments)
    rows: list[Mapping[str, Any]] = []
    versions: dict[str, str] = {}
    missed: list[str] = []
    try:
        for row in _rows(options, versions):
            rows.append(row)
            print(_line(row), flush=True)
    except ENDS_ROUNDS as failure:
        missed.append(f"a round failed: {type(failure).__name__}: {failure}")
    summary = summary_of(rows)
    for name, spread in summary.items():
        if spread:
            print(
                f"{name}: {spread['median']:+.2f} ({spread['least']:+.2f} … {spread['most']:+.2f})"
            )
    settings = {name: getattr(options, name) for name in ("quantity", "rounds", "scrape_seconds")}
    result = result_of(SECTION, options.command, settings, rows, summary, versions)
    print(f"Saved in {save(result, options.results)}")
    for part, whose in (
        ("client", "the services' and Redis'"),
        ("all", "all, MongoDB's included,"),
    ):
        found = summary[f"{part}_percent"]
        if found and found["median"] > options.limit:
            missed.append(f"{found['median']} % of {whose} processor time is more than promised")
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def _rows(options: argparse.Namespace, versions: dict[str, str]) -> Iterator[Mapping[str, Any]]:
    plan = RunPlan(options.quantity, generators=options.generators, workers=options.workers)
    with contextlib.ExitStack() as stack:
        arms = {
            OFF: stack.enter_context(_standing(plan, options, versions, are_seen=False)),
            ON: stack.enter_context(_standing(plan, options, versions, are_seen=True)),
        }
        for number in range(1, options.rounds + 1):
            for place, arm in enumerate((OFF, ON) if number % 2 else (ON, OFF)):
                yield _row(arms[arm], plan, number, arm, place == 0)


def _row(
    standing: Standing, plan: RunPlan, number: int, arm: str, first: bool
) -> Mapping[str, Any]:
    spans, scrapes = standing.received.count, standing.scraper.scrapes
    figures = run_in(standing.running, standing.servers, plan)
    if not figures.well:
        raise RuntimeError(f"a run ended {figures.ended}, or its audit failed")
    reset = httpx.post(f"{standing.running.api}/pedidos/reset", trust_env=False, timeout=120.0)
    reset.raise_for_status()
    spans, scrapes = standing.received.count - spans, standing.scraper.scrapes - scrapes
    if arm == ON and not spans:
        raise RuntimeError("no span came from services that should have sent some")
    return row_of(number, arm, first, figures, spans, scrapes)


@contextlib.contextmanager
def _standing(
    plan: RunPlan, options: argparse.Namespace, versions: dict[str, str], *, are_seen: bool
) -> Iterator[Standing]:
    """Servers and services of one arm, warm."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pedidos-bench-")))
        received = Received(keep=False)
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "NO_PROXY": "127.0.0.1"}
        if are_seen:
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = stack.enter_context(receiving(received))
        else:
            path = (str(WITHOUT), os.environ.get("PYTHONPATH"))
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        servers = stack.enter_context(server_pair(folder))
        versions |= server_versions(servers.mongo_uri, servers.redis_url)
        settings = replace(plan, environment=environment).settings()
        running = stack.enter_context(
            services(servers, folder / "services", plan.generators, plan.workers, settings)
        )
        timed_run(running, plan.warm_up, plan.seed)
        stack_file = folder / "services" / "stack.json"
        _check(stack_file, are_counted=are_seen)
        scraper = Scraper(stack_file, options.scrape_seconds)
        if are_seen:
            stack.enter_context(scraper.running())
        yield Standing(servers, running, received, scraper)


def _check(stack_file: Path, *, are_counted: bool) -> None:
    """After the short run: whether the services count jobs, as they should or should not."""
    if (jobs_counted(stack_file) > 0) is not are_counted:
        raise RuntimeError(f"metrics should be {'on' if are_counted else 'off'}, and are not")


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"Round {row['round']}, {row['arm']:<3}: {row['seconds']:.1f} s, CPU seconds per 100k: "
        f"services and Redis {row['client_cpu_seconds_per_100k']:.3f}, with MongoDB "
        f"{row['all_cpu_seconds_per_100k']:.3f}; {row['spans']} spans, {row['scrapes']} scrapes"
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.observability", description=__doc__)
    parser.add_argument("--quantity", type=int, default=1_000_000, help="orders of a run")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--generators", type=int, default=2, help="generator processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--scrape-seconds", type=float, default=5.0)
    parser.add_argument("--limit", type=float, default=OBSERVABILITY_PERCENT, help="in percent")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
