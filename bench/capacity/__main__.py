"""`make bench-simulate`: the pipeline simulated from measured costs, and what a day's orders need.

Reads the sections `pipeline` and `footprint` for costs, compares what it predicts with the
measured `scaling`, `batch_sizes`, `workers` and `one_job_an_order` where they are there, and works
out the capacity model. Writes the section `capacity`; `--markdown` puts its tables into
docs/capacity.md. About a minute; `--measure` takes `footprint` before, two minutes more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.capacity import footprint
from bench.capacity.limits import ceiling_row, limit_rows
from bench.capacity.model import (
    ORDERS_A_DAY,
    Assumptions,
    bytes_of,
    need_row,
)
from bench.capacity.page import PAGE, write_page
from bench.capacity.simulation.check import SECTIONS, check_rows
from bench.capacity.simulation.costs import PER_100K, Costs
from bench.capacity.simulation.fitting import costs_of
from bench.capacity.simulation.setup import Setup
from bench.capacity.tables import findings, tables
from bench.command_line import wide_console
from bench.results import FOLDER, Result, load, result_of, save

MIN_WIDTH = 130
SERVERS = ("mongod", "valkey", "redis")
CEILING_ORDERS = 5_000_000
PLENTY = Setup(CEILING_ORDERS, workers=64, generators=64, shards=16, shard_cores=16)


def main(arguments: list[str] | None = None) -> int:
    """Simulate, print, save; 2 where there is nothing to go by."""
    options = _options(arguments)
    if options.measure and (code := footprint.main(["--folder", str(options.folder)])):
        return code
    measured = load("footprint", options.folder)
    if measured is None:
        print(
            "Nothing is measured of what an order takes: run `make bench-simulate MEASURE=1` once.",
            file=sys.stderr,
        )
        return 2
    console = wide_console(MIN_WIDTH)
    result = _result(measured, options, console)
    print(f"Written: {save(result, options.folder)}")
    for _name, table in tables(result):
        console.print(table.rich())
    for line in findings(result):
        console.print(line, markup=False)
    if options.markdown:
        write_page(result, options.markdown)
        print(f"Written: the tables of {options.markdown}")
    return 0


def _result(measured: Result, options: argparse.Namespace, console: Console) -> Result:
    pipeline = load("pipeline", options.folder)
    costs = costs_of(pipeline, measured)
    logged = costs_of(pipeline, measured, replica_set=True)
    assumed = Assumptions(**{f.name: getattr(options, f.name) for f in fields(Assumptions)})
    found = [load(section, options.folder) for section in SECTIONS]
    rows = list(_cost_rows(costs, logged, measured))
    for row in check_rows([one for one in found if one], costs, options.bound):
        console.print(
            f"{row['part']}, {row['quantity']:,} orders: "
            f"predicted {row['predicted_seconds']:.2f} s, "
            f"measured {row['measured_seconds']:.2f} s",
            markup=False,
        )
        rows.append(row)
    sizes = bytes_of(measured.summary)
    for per_day in options.per_day:
        console.print(f"{per_day:,} orders a day ...", markup=False)
        rows.append(need_row(per_day, logged, sizes, assumed))
    ceilings = list(_ceiling_rows(logged))
    need = next(row for row in rows if row["kind"] == "need")
    rows += [*limit_rows(need, ceilings[0], logged, assumed), *ceilings]
    settings = {**asdict(assumed), "bound_percent": options.bound}
    servers = {name: measured.versions[name] for name in SERVERS if name in measured.versions}
    return result_of("capacity", "make bench-simulate", settings, rows, _summary(rows), servers)


def _cost_rows(costs: Costs, logged: Costs, measured: Result) -> Iterator[dict[str, Any]]:
    for field in fields(Costs):
        name = field.name
        factor, unit = _unit(name)
        yield {
            "kind": "cost",
            "what": name,
            "unit": unit,
            "standalone": round(getattr(costs, name) * factor, 4),
            "replica_set": round(getattr(logged, name) * factor, 4),
        }
    for name, value in measured.summary.items():
        if "bytes" in name:
            yield {
                "kind": "cost",
                "what": name,
                "unit": "bytes",
                "standalone": None,
                "replica_set": value,
            }


def _unit(name: str) -> tuple[float, str]:
    if name.startswith("idle_"):
        return 1.0, "cores, all the time"
    if name == "journal_seconds":
        return 1e3, "ms"
    if name.startswith(("job_", "look_")):
        return 1e3, "CPU ms a job"
    return PER_100K, "CPU s per 100,000 orders"


def _ceiling_rows(costs: Costs) -> Iterator[dict[str, Any]]:
    yield ceiling_row("as it is", PLENTY, costs)
    for group in (20_000, 50_000, 200_000):
        yield ceiling_row("larger groups", replace(PLENTY, group_size=group), costs)
    larger = replace(PLENTY, group_size=200_000, batch_size=10_000, chunk_size=50_000)
    yield ceiling_row("larger groups, batches and chunks", larger, costs)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    errors = [abs(row["error_percent"]) for row in rows if row["kind"] == "check"]
    within = [row["within"] for row in rows if row["kind"] == "check"]
    summary = {
        f"shards_{row['orders_per_day']}": row["shards"] for row in rows if row["kind"] == "need"
    }
    ceiling = next(row for row in rows if row["kind"] == "ceiling")
    return {
        "checked": len(errors),
        "within_bound": sum(within),
        "worst_error_percent": max(errors, default=None),
        "engine_orders_per_second": ceiling["orders_per_second"],
        **summary,
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--measure", action="store_true", help="take bytes and job costs before")
    parser.add_argument("--bound", type=float, default=25.0, help="largest error in %%")
    parser.add_argument("--per-day", type=int, nargs="+", default=list(ORDERS_A_DAY), metavar="N")
    parser.add_argument(
        "--markdown",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="PAGE",
        help="write its tables there",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are")
    for field in fields(Assumptions):
        kind = type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
