"""`make load-capacity`: what one checkout costs each process, and what many workers need of it.

A shop with one worker process, and then with two, is flooded; from the first to the last checkout
that comes about, the processor time of each process is divided by their number. What 50 to 100
processes of 10 jobs at once need for 5 million follows by arithmetic, in docs/checkout-capacity.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from bench.command_line import options_of
from bench.load.capacity_page import PAGE, write_page
from bench.load.classes import PLAIN
from bench.load.outcomes import await_rest, completed_a_second, seconds_held, waits_of
from bench.load.sending import Wave, send
from bench.load.shop import Shop, audited, open_shop
from bench.results import FOLDER, result_of, save
from bench.running.stack import process_ids, role_of
from bench.running.timed_run import FAILURES

SECTION = "load_capacity"
RATE = 150.0


def main(arguments: list[str] | None = None) -> int:
    """Measure, save, and write the page; 1 when something failed."""
    options = _options(arguments)
    rows: list[Mapping[str, Any]] = []
    versions: dict[str, str] = {}
    failed: list[str] = []
    try:
        for row in _rows(options, versions, failed):
            rows.append(row)
            print(row, flush=True)
    except FAILURES as failure:
        failed.append(f"it failed: {type(failure).__name__}: {failure}")
    settings = {"checkouts": options.checkouts, "rate": RATE}
    result = result_of(SECTION, options.command, settings, rows, {}, versions)
    print(f"Saved in {save(result, options.results)}")
    if rows and not failed:
        write_page(result, options.page)
        print(f"Written: {options.page}")
    for line in failed:
        print(f"FAILED: {line}")
    return 1 if failed else 0


def _rows(
    options: argparse.Namespace, versions: dict[str, str], failed: list[str]
) -> Iterator[Mapping[str, Any]]:
    for workers in (1, 2):
        with open_shop(workers) as shop:
            versions |= shop.versions
            yield {"workers": workers, **_flooded(shop, options)}
            failed += audited(shop)


def _flooded(shop: Shop, options: argparse.Namespace) -> Mapping[str, Any]:
    send(options.locust, shop.api, Wave("warm", 20.0, 3.0, shares=PLAIN, polls=0.0), shop.folder)
    await_rest(shop.database, options.rest_seconds)
    before = _cpu_seconds(shop)
    wave = Wave("flood", RATE, options.checkouts / RATE, shares=PLAIN, polls=0.0)
    send(options.locust, shop.api, wave, shop.folder)
    await_rest(shop.database, options.rest_seconds)
    used = {role: after - before[role] for role, after in _cpu_seconds(shop).items()}
    waited = list(waits_of(shop.database, "flood"))
    count = len(waited)
    return {
        "checkouts": count,
        "a_second": round(completed_a_second(waited, lambda one: one.ended_at), 1),
        **{f"{role}_cpu_ms": round(seconds * 1000 / count, 2) for role, seconds in used.items()},
        **{
            f"{queue}_held_ms": round(seconds * 1000 / count, 2)
            for queue, seconds in seconds_held(shop.database, "flood").items()
        },
    }


def _cpu_seconds(shop: Shop) -> Mapping[str, float]:
    used: dict[str, float] = defaultdict(float)
    for name, pid in process_ids(shop.servers, shop.running).items():
        times = psutil.Process(pid).cpu_times()
        used[role_of(name)] += times.user + times.system
    return used


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load.capacity", description=__doc__)
    parser.add_argument("--checkouts", type=int, default=1_500, help="in each flood")
    parser.add_argument("--rest-seconds", type=float, default=600.0, help="until all has ended")
    parser.add_argument("--locust", type=Path, default=Path(".venv-load/bin/locust"))
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to be filled")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
