"""`make bench-observability`: a run with metrics and traces on beside one without, in turns.

On is the product as it comes, with a receiver of its traces and every process scraped each
`--scrape-seconds`. Off has no receiver and no scraper, and metrics are taken out of the services
(`without/sitecustomize.py`): the product has no switch for that. Each run has fresh servers and a
short run before it; whoever goes first in one round goes second in the next. Processor time is
that of the services and Redis (`client`), and of MongoDB besides (`all`); the receiver and the
scraper are in this process, which is not counted. About 100 s a round at 1,000,000 orders.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.command_line import options_of
from bench.observability.rows import OFF, ON, row_of, summary_of
from bench.observability.scraping import Scraper, jobs_counted
from bench.promises import OBSERVABILITY_PERCENT
from bench.results import FOLDER, result_of, save
from bench.running.measure import server_versions
from bench.running.single_runs import RunFigures, RunPlan, run_on
from bench.running.stack import server_pair
from bench.running.timed_run import FAILURES
from bench.traces.receiver import Received, receiving

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
    for number in range(1, options.rounds + 1):
        arms = (OFF, ON) if number % 2 else (ON, OFF)
        for place, arm in enumerate(arms):
            with tempfile.TemporaryDirectory(prefix="pedidos-bench-") as folder:
                one = _on if arm == ON else _off
                figures, spans, scrapes = one(Path(folder), options, versions)
            if not figures.well:
                raise RuntimeError(f"a run ended {figures.ended}, or its audit failed")
            yield row_of(number, arm, place == 0, figures, spans, scrapes)


def _on(
    folder: Path, options: argparse.Namespace, versions: dict[str, str]
) -> tuple[RunFigures, int, int]:
    received, stack_file = Received(keep=False), folder / "services" / "stack.json"
    scraper = Scraper(stack_file, options.scrape_seconds)
    with receiving(received) as endpoint, contextlib.ExitStack() as stack:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1"}

        def just_before() -> None:
            _check(stack_file, are_counted=True)
            stack.enter_context(scraper.running())

        figures = _run(folder, options, versions, environment, just_before)
    if not received.count:
        raise RuntimeError("no span came from services that should have sent some")
    return figures, received.count, scraper.scrapes


def _off(
    folder: Path, options: argparse.Namespace, versions: dict[str, str]
) -> tuple[RunFigures, int, int]:
    path = os.pathsep.join(filter(None, (str(WITHOUT), os.environ.get("PYTHONPATH"))))
    stack_file = folder / "services" / "stack.json"

    def just_before() -> None:
        _check(stack_file, are_counted=False)

    environment = {"PYTHONPATH": path, "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    return _run(folder, options, versions, environment, just_before), 0, 0


def _check(stack_file: Path, *, are_counted: bool) -> None:
    """After the short run: whether the services count jobs, as they should or should not."""
    if (jobs_counted(stack_file) > 0) is not are_counted:
        raise RuntimeError(f"metrics should be {'on' if are_counted else 'off'}, and are not")


def _run(
    folder: Path,
    options: argparse.Namespace,
    versions: dict[str, str],
    environment: Mapping[str, str],
    just_before: Any,
) -> RunFigures:
    plan = RunPlan(
        options.quantity,
        generators=options.generators,
        workers=options.workers,
        environment=environment,
    )
    with server_pair(folder) as servers:
        versions |= server_versions(servers.mongo_uri, servers.redis_url)
        return run_on(servers, folder / "services", plan, just_before)


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"Round {row['round']}, {row['arm']:<3}: {row['seconds']:.1f} s, CPU seconds per 100k: "
        f"services and Redis {row['client_cpu_seconds_per_100k']:.3f}, with MongoDB "
        f"{row['all_cpu_seconds_per_100k']:.3f}; {row['spans']} spans, {row['scrapes']} scrapes"
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.observability", description=__doc__)
    parser.add_argument("--quantity", type=int, default=1_000_000, help="orders of a run")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--generators", type=int, default=2, help="generator processes")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--scrape-seconds", type=float, default=15.0)
    parser.add_argument("--limit", type=float, default=OBSERVABILITY_PERCENT, help="in percent")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
