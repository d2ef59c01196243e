"""`make load`: checkouts that arrive by the clock, alone and beside a run of a million orders.

Servers, services and the sandbox of its own. First `--rate` checkouts a second for `--seconds`
with nothing else to do, then the same while runs of `--quantity` orders go on one after another.
Times count from when a checkout was due (open loop). After each wave everything that was accepted
comes to its end, and the audit compares our database with the sandbox's own books.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.command_line import options_of
from bench.load.outcomes import await_rest
from bench.load.runs_beside import RunsBeside
from bench.load.sending import Wave, rows_of, send
from bench.load.shop import Shop, audited, open_shop
from bench.promises import CHECKOUT_BESIDE_RUN_P99_MS, CHECKOUT_P99_MS
from bench.results import FOLDER, result_of, save
from bench.running.timed_run import FAILURES

SECTION = "load"
ALONE, BESIDE = "alone", "beside a run"
LIMITS = {ALONE: CHECKOUT_P99_MS, BESIDE: CHECKOUT_BESIDE_RUN_P99_MS}
ALL = "checkout (all)"


def main(arguments: list[str] | None = None) -> int:
    """Send the waves, print and save what was seen; 1 when a promise was missed."""
    options = _options(arguments)
    rows: list[Mapping[str, Any]] = []
    missed: list[str] = []
    with open_shop(options.workers) as shop:
        try:
            for row in _waves(shop, options, missed):
                rows.append(row)
                print(_line(row), flush=True)
        except FAILURES as failure:
            missed.append(f"a wave failed: {type(failure).__name__}: {failure}")
        versions = shop.versions
    summary = _summary(rows)
    missed += _over(summary)
    settings = {name: getattr(options, name) for name in ("rate", "seconds", "quantity", "workers")}
    result = result_of(SECTION, options.command, settings, rows, summary, versions)
    print(f"Saved in {save(result, options.results)}")
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def _waves(
    shop: Shop, options: argparse.Namespace, missed: list[str]
) -> Iterator[Mapping[str, Any]]:
    send(options.locust, shop.api, Wave("warm", options.rate / 4, 5.0), shop.folder)
    await_rest(shop.database, options.rest_seconds)
    for phase in options.phases.split(","):
        wave = Wave(phase.split()[0], options.rate, options.seconds, options.seed)
        yield from _wave(shop, options, phase, wave, missed)


def _wave(
    shop: Shop, options: argparse.Namespace, phase: str, wave: Wave, missed: list[str]
) -> Iterator[Mapping[str, Any]]:
    if phase == BESIDE:
        with RunsBeside(shop.api, options.quantity) as runs:
            seen = send(options.locust, shop.api, wave, shop.folder)
        seen = [one for one in seen if runs.went_on(one.at)]
        print(f"{len(runs.windows)} runs of {options.quantity} orders went on meanwhile")
    else:
        seen = send(options.locust, shop.api, wave, shop.folder)
    seconds = await_rest(shop.database, options.rest_seconds)
    rows = rows_of(phase, seen)
    for row in rows:
        if row["kind"] == ALL:
            row["rest_after_seconds"] = round(seconds, 1)
        yield row
    missed += [f"{phase}: {line}" for line in audited(shop)]


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = [row for row in rows if row["kind"] == ALL]
    return {f"{row['phase']} p99_ms": row["p99_ms"] for row in whole}


def _over(summary: Mapping[str, Any]) -> Iterator[str]:
    for phase, limit in LIMITS.items():
        found = summary.get(f"{phase} p99_ms")
        if found is not None and found > limit:
            yield f"{phase}: p99 of {found} ms is more than the {limit:.0f} ms that are promised"


def _line(row: Mapping[str, Any]) -> str:
    answers = ", ".join(
        f"{count} x {name.removeprefix('answered_')}"
        for name, count in row.items()
        if name.startswith("answered_")
    )
    rest = row.get("rest_after_seconds")
    return (
        f"{row['phase']:<12} {row['kind']:<16} {row['count']:>6}: p50 {row['p50_ms']:.1f} ms, "
        f"p95 {row['p95_ms']:.1f}, p99 {row['p99_ms']:.1f}, max {row['max_ms']:.1f} ({answers})"
        + (f"; all ended {rest} s after the last" if rest is not None else "")
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="checkouts a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each wave")
    parser.add_argument("--phases", default=f"{ALONE},{BESIDE}", help="which, with commas between")
    parser.add_argument("--quantity", type=int, default=1_000_000, help="orders of a run beside")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest-seconds", type=float, default=600.0, help="until all has ended")
    parser.add_argument("--locust", type=Path, default=Path(".venv-load/bin/locust"))
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
