"""`make bench-scaling`: what an order costs as runs grow, by batch size, by number of processes.

Every run has fresh servers and services of its own and ends in its audit. What is measured more
than once is measured in turns, since a machine's speed drifts. Parts, each with a file of its own
in `bench/results`:

- `scaling`: from 10,000 to 10,000,000 orders, cost of an order beside that at 1,000,000, peaks of
  memory (and `memory_over_time`, the memory of the largest runs as they went on)
- `batch_sizes`: orders a processing job
- `workers`: numbers of worker and generator processes
- `one_job_an_order`: a job for each order, as the usual queue has it, beside batches

About 20 minutes with all parts on 2 cores; the runs of 5,000,000 and 10,000,000 orders are a third
of that and take some 3 GB in the temporary folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.command_line import options_of, wide_console
from bench.results import FOLDER, result_of, save
from bench.running.single_runs import RunFigures, do_nothing, run_alone
from bench.running.used_memory import memory_in_use
from bench.scaling.parts import PARTS, QUANTITIES, Part, Point, Rows
from bench.scaling.rows import memory_rows, misses, row_of
from bench.scaling.table import MIN_WIDTH, table

MEMORY_QUANTITY = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts asked for; 1 when a run did not end well, or a promise was missed."""
    options = _options(arguments)
    console = wide_console(MIN_WIDTH)
    settings = {k: v for k, v in vars(options).items() if k not in {"parts", "command", "results"}}
    missed: list[str] = []
    for name in options.parts:
        missed += measure(PARTS[name](options), settings, options, console)
    for line in missed:
        console.print(f"MISSED: {line}", markup=False)
    return 1 if missed else 0


def measure(
    part: Part, settings: Mapping[str, Any], options: argparse.Namespace, console: Console
) -> Sequence[str]:
    """Run a part, save its section and print it; what it missed. What there is survives Ctrl-C."""
    runs: list[list[RunFigures]] = [[] for _ in part.points]
    versions: dict[str, str] = {}
    try:
        with _prepared(part) as just_before:
            for index in _turns(part, console):
                figures, seen = run_alone(part.points[index].plan, just_before)
                runs[index].append(figures)
                versions |= seen
                console.print(f"  {_line(figures)}", markup=False)
    finally:
        rows, summary = _saved(part, runs, settings, options, versions)
    console.print(table(part.title, rows))
    return misses(rows, summary)


def _prepared(part: Part) -> AbstractContextManager[Callable[[], object]]:
    return memory_in_use() if part.in_used_memory else nullcontext(do_nothing)


def _turns(part: Part, console: Console) -> Iterator[int]:
    """Places of the points to run, one run of each in every turn; each is told before."""
    turns = list(_in_turns(part.points))
    for number, index in enumerate(turns, start=1):
        said = f"{part.title}, run {number} of {len(turns)}: {part.points[index].told()} ..."
        console.print(said, markup=False)
        yield index


def _in_turns(points: Sequence[Point]) -> Iterator[int]:
    for turn in range(max(point.runs for point in points)):
        yield from (index for index, point in enumerate(points) if point.runs > turn)


def _line(run: RunFigures) -> str:
    if not run.cpu_seconds:
        return f"FAILED: {run.ended}"
    audit = "audit passed" if run.audit_passed else "AUDIT FAILED"
    cpu = run.per_100k(*run.cpu_seconds)
    return f"{run.seconds:.2f} s, {cpu:.2f} CPU s per 100,000 orders, {run.ended}, {audit}"


def _saved(
    part: Part,
    runs: Sequence[Sequence[RunFigures]],
    settings: Mapping[str, Any],
    options: argparse.Namespace,
    versions: Mapping[str, str],
) -> tuple[Rows, Mapping[str, Any]]:
    """Nothing is written where nothing was measured: an earlier result stays."""
    done = [(point, taken) for point, taken in zip(part.points, runs, strict=True) if taken]
    rows, summary = part.finish([row_of(point.labels, taken) for point, taken in done])
    if any("seconds" in row for row in rows):
        result = result_of(part.section, options.command, settings, rows, summary, versions)
        save(result, options.results)
    if part.section == "scaling":
        long = [taken[0] for point, taken in done if point.plan.quantity >= MEMORY_QUANTITY]
        if samples := memory_rows(long):
            name = "memory_over_time"
            result = result_of(name, options.command, settings, samples, {}, versions)
            save(result, options.results)
    return rows, summary


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--quantities", nargs="+", type=int, default=list(QUANTITIES), metavar="N")
    parser.add_argument("--quantity", type=int, default=300_000, help="orders in the other parts")
    parser.add_argument(
        "--single-quantity", type=int, default=20_000, help="orders where each is a job"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of each, up to 1,000,000 orders"
    )
    parser.add_argument("--large-rounds", type=int, default=1, help="runs of each above 1,000,000")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--results", type=Path, default=FOLDER, metavar="FOLDER")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
