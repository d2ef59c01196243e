"""`make load-classes`: VIP and other checkouts (25 and 75 of 100) at more than can be done.

First what can be done: checkouts come faster than they can be worked at, and those are counted
that come about a second. Then, on a shop of its own, 1.5 times as many come for `--seconds`. Its
`QUEUES_FILE` lets so many wait as are done in a part of that time, and refuses those past it: so
it does come to refusals, and the bound follows from that file. A checkout waits where one of its
steps is due and nobody has claimed it; its wait is that of all steps up to the taken payment.
Promised: VIPs' p99 is at most a fifth of the others', and none that was accepted waited beyond
the bound of docs/queues.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.command_line import options_of
from bench.load.mix import Shares
from bench.load.outcomes import Waited, await_rest, completed_a_second, waits_of
from bench.load.sending import Seen, Wave, percentile, rows_of, send
from bench.load.shop import Shop, audited, open_shop
from bench.promises import VIP_WAIT_SHARE
from bench.results import FOLDER, result_of, save
from bench.running.timed_run import FAILURES
from pedidos_common.domain.queues import (
    INVENTORY,
    ORDER_PROCESSING,
    PAYMENT_PROCESSING,
    QueueTable,
)
from pedidos_common.runtime.queue_file import read_queues

SECTION = "load_classes"
FLOOD_RATE = 200.0
OVER = 1.5
QUEUES = (PAYMENT_PROCESSING, ORDER_PROCESSING, INVENTORY)
# of the time in which too many come: 1.5 times as many as are done fill half of it
BACKLOG_SHARE = 1 / 3
LOOK_SECONDS = 1.0  # how old the API's look at the queues may be
# nobody comes about late by the bank's own doing: what is measured is the wait for us
PLAIN = Shares(vip=0.25, declined=0.0, asks_more=0.0, taken_back=0.0, again=0.0, wrong=0.0)


@dataclass(frozen=True, slots=True)
class Overload:
    """What came of 1.5 times as much as can be done."""

    capacity: float
    rate: float
    bound: float
    seen: Sequence[Seen]
    waited: Sequence[Waited]
    wrong: Sequence[str]

    def wait_p99(self, *, vip: bool) -> float:
        """Seconds of the class."""
        return percentile(sorted(one.wait for one in self.waited if one.is_vip is vip), 0.99)

    def longest(self) -> float:
        """Of those who are no VIPs."""
        return max((one.wait for one in self.waited if not one.is_vip), default=0.0)


def limits_file(folder: Path, waiting: int) -> Path:
    """A `QUEUES_FILE` that lets so many wait in each of the queues, and then refuses."""
    path = folder / "queues.toml"
    said = f'sync_above = "none"\nrefuse_above = {waiting}\n'
    path.write_text("\n".join(f"[queues.{queue}]\n{said}" for queue in QUEUES), encoding="utf-8")
    return path


def bound_seconds(table: QueueTable, capacity: float, rate: float) -> float:
    """What docs/queues.md promises to whom was accepted, where of `rate` a second come."""
    policies = [table[queue] for queue in QUEUES]
    before = sum(policy.refuse_above or 0 for policy in policies) + rate * LOOK_SECONDS
    head_start = max(policy.vip_ahead_seconds for policy in policies)
    return (before + rate * PLAIN.vip * head_start) / capacity


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; 1 when a promise was missed."""
    options = _options(arguments)
    missed: list[str] = []
    rows: list[Mapping[str, Any]] = []
    summary: dict[str, Any] = {}
    versions: dict[str, str] = {}
    try:
        capacity = options.capacity or _capacity(options)
        print(f"{capacity:.1f} checkouts a second can be done", flush=True)
        overload = _overload(options, capacity, versions)
        rows = [*rows_of("overload", overload.seen), *_wait_rows(overload)]
        summary = _summary(overload)
        missed += [*overload.wrong, *_over(summary)]
    except FAILURES as failure:
        missed.append(f"it failed: {type(failure).__name__}: {failure}")
    for row in rows:
        print(row)
    for name, value in summary.items():
        print(f"{name}: {value}")
    settings = {"seconds": options.seconds, "workers": options.workers, "vip_share": PLAIN.vip}
    result = result_of(SECTION, options.command, settings, rows, summary, versions)
    print(f"Saved in {save(result, options.results)}")
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def _capacity(options: argparse.Namespace) -> float:
    """Checkouts that come about a second while more come than can be done."""
    with open_shop(options.workers) as shop:
        wave = Wave("flood", FLOOD_RATE, options.flood_seconds, shares=PLAIN, polls=0.0)
        send(options.locust, shop.api, wave, shop.folder)
        await_rest(shop.database, options.rest_seconds)
        waited = list(waits_of(shop.database, "flood"))
    return completed_a_second(waited, lambda one: one.ended_at)


def _overload(options: argparse.Namespace, capacity: float, versions: dict[str, str]) -> Overload:
    waiting = max(1, round(capacity * options.seconds * BACKLOG_SHARE))
    with tempfile.TemporaryDirectory(prefix="pedidos-queues-") as folder:
        path = limits_file(Path(folder), waiting)
        with open_shop(options.workers, {"QUEUES_FILE": str(path)}) as shop:
            versions |= shop.versions
            bound = bound_seconds(read_queues(path), capacity, OVER * capacity)
            return _overloaded(options, capacity, bound, shop)


def _overloaded(options: argparse.Namespace, capacity: float, bound: float, shop: Shop) -> Overload:
    rate = OVER * capacity
    wave = Wave("over", rate, options.seconds, options.seed, PLAIN, polls=0.0)
    seen = send(options.locust, shop.api, wave, shop.folder)
    await_rest(shop.database, options.rest_seconds)
    waited = list(waits_of(shop.database, "over"))
    return Overload(capacity, rate, bound, seen, waited, audited(shop))


def _wait_rows(overload: Overload) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for vip in (True, False):
        of_class = [one for one in overload.waited if one.is_vip is vip]
        waits = sorted(one.wait for one in of_class)
        rows.append(
            {
                "phase": "waits",
                "kind": "vip" if vip else "normal",
                "count": len(waits),
                "p50_seconds": percentile(waits, 0.5),
                "p99_seconds": percentile(waits, 0.99),
                "max_seconds": round(max(waits, default=0.0), 2),
            }
        )
    return rows


def _summary(overload: Overload) -> dict[str, Any]:
    vip, normal = overload.wait_p99(vip=True), overload.wait_p99(vip=False)
    return {
        "capacity_a_second": round(overload.capacity, 1),
        "rate_a_second": round(overload.rate, 1),
        "refused": sum(one.status == 503 for one in overload.seen),
        "without_answer": sum(one.status is None for one in overload.seen),
        "synchronous": sum(one.status == 200 for one in overload.seen),
        "done_a_second": round(completed_a_second(overload.waited, lambda one: one.ended_at), 1),
        "vip_over_normal_p99": round(vip / normal, 3) if normal else None,
        "longest_normal_seconds": round(overload.longest(), 1),
        "bound_seconds": round(overload.bound, 1),
    }


def _over(summary: Mapping[str, Any]) -> list[str]:
    missed = []
    if not summary["refused"]:
        missed.append("nobody was refused, so it was no overload: let more come")
    share = summary["vip_over_normal_p99"]
    if share is None or share > VIP_WAIT_SHARE:
        missed.append(f"VIPs wait {share} of what others do, more than {VIP_WAIT_SHARE}")
    if summary["longest_normal_seconds"] > summary["bound_seconds"]:
        missed.append("one that was accepted waited beyond its bound")
    return missed


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load.classes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long too many come")
    parser.add_argument("--flood-seconds", type=float, default=20.0, help="to see what can be done")
    parser.add_argument("--capacity", type=float, help="checkouts a second; else it is measured")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest-seconds", type=float, default=600.0, help="until all has ended")
    parser.add_argument("--locust", type=Path, default=Path(".venv-load/bin/locust"))
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of the result's file")
    return options_of(parser, arguments)


if __name__ == "__main__":
    sys.exit(main())
