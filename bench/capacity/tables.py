"""The capacity result as tables, for the terminal and for docs/capacity.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table as RichTable

from bench.results import Result

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a header and cells, all as text."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def rich(self) -> RichTable:
        """For the terminal."""
        table = RichTable(title=self.title, title_justify="left")
        for number, name in enumerate(self.header):
            table.add_column(name, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a page; the title is left to the page."""
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)], *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


CHECK_COLUMNS = {
    "part": "part",
    "orders": "quantity",
    "orders a job": "orders_batch_size",
    "generators": "generators",
    "workers": "workers",
    "measured s": "measured_seconds",
    "predicted s": "predicted_seconds",
    "error %": "error_percent",
    "error of CPU %": "cpu_error_percent",
}
NEED_LINES = {
    "mean orders a second": "mean_orders_per_second",
    "peak orders a second": "peak_orders_per_second",
    "batch jobs a day": "batches_per_day",
    "generator processes": "generators",
    "worker processes": "workers",
    "orchestrator, cores at the peak": "orchestrator_cores",
    "Redis, cores at the peak": "redis_cores",
    "Redis, MB of waiting rings": "redis_mb",
    "MongoDB primaries, cores at the peak": "mongod_cores",
    "written at the peak, MB/s": "write_mb_per_second",
    "stored a day, GB (each copy)": "stored_gb_per_day",
    "oplog, GB (each copy)": "oplog_gb",
    "kept, TB (each copy)": "kept_tb",
    "kept, TB (all copies)": "kept_tb_all_copies",
    "shards for processor time": "shards_for_cpu",
    "shards for written bytes": "shards_for_writes",
    "shards for disk": "shards_for_disk",
    "shards": "shards",
    "because of": "shards_because_of",
    "simulated on that, orders a second": "simulated_orders_per_second",
    "share of the peak hour that runs take": "busy_share_at_peak",
    "the plan holds": "holds",
}
CEILING_COLUMNS = {
    "engine": "what",
    "orders a job": "orders_batch_size",
    "orders a group": "group_size",
    "orders a second": "orders_per_second",
    "step, ms": "step_ms",
    "orchestrator busy %": "orchestrator_busy_percent",
    "MongoDB busy %": "mongod_busy_percent",
}
LIMIT_COLUMNS = {
    "part": "part",
    "is full at orders a day": "orders_per_day",
    "at the peak, orders a second": "peak_orders_per_second",
}
COST_COLUMNS = {
    "cost": "what",
    "unit": "unit",
    "standalone": "standalone",
    "replica set": "replica_set",
}


def tables(result: Result) -> Iterator[tuple[str, Table]]:
    """Each table by the name under which docs/capacity.md has it."""
    yield "costs", _flat("What is put in", COST_COLUMNS, of_kind(result, "cost"))
    yield "check", _flat("Predicted and measured", CHECK_COLUMNS, of_kind(result, "check"))
    yield "needs", _needs(of_kind(result, "need"))
    yield "limits", _flat("What is full first", LIMIT_COLUMNS, of_kind(result, "limit"))
    yield "ceilings", _flat("Ceilings of one engine", CEILING_COLUMNS, of_kind(result, "ceiling"))


def of_kind(result: Result, kind: str) -> list[Row]:
    """The rows of one kind."""
    return [row for row in result.rows if row["kind"] == kind]


def _flat(title: str, columns: Mapping[str, str], rows: Iterable[Row]) -> Table:
    cells = [[text_of(row.get(key)) for key in columns.values()] for row in rows]
    return Table(title, list(columns), cells)


def _needs(rows: Sequence[Row]) -> Table:
    header = ["orders a day", *(text_of(row["orders_per_day"]) for row in rows)]
    cells = [[name, *(text_of(row.get(key)) for row in rows)] for name, key in NEED_LINES.items()]
    return Table("What so many orders a day need", header, cells)


def text_of(value: Any) -> str:
    """A cell: three figures that count, thousands set apart."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "NO"
        case int():
            return f"{value:,}"
        case float() if value and abs(value) < 100:
            return f"{value:.3g}"
        case float():
            return f"{value:,.0f}"
    return str(value)


def findings(result: Result) -> Iterator[str]:
    """What the figures say, as sentences."""
    yield from _check_findings(result)
    for row in of_kind(result, "need"):
        yield (
            f"{row['orders_per_day']:,} orders a day "
            f"({row['peak_orders_per_second']:,.0f} a second at the peak) need "
            f"{row['generators']} generator and {row['workers']} worker processes and "
            f"{row['shards']} shard{'s' if row['shards'] > 1 else ''}; what fills a shard first is "
            f"{_WORDS[row['shards_because_of']]}."
        )
        if not row["holds"]:
            yield (
                f"That is NOT enough for {row['orders_per_day']:,} a day: one active run after the "
                f"other takes at most {row['simulated_orders_per_second']:,} orders a second on "
                "these, and more processes do not make it faster."
            )
    limits = of_kind(result, "limit")
    if limits:
        yield (
            f"What is full first, as it is planned here, is the {limits[0]['part']}, at "
            f"{limits[0]['orders_per_day']:,} orders a day; then {limits[1]['part']}, at "
            f"{limits[1]['orders_per_day']:,}."
        )
    yield from _engine_findings(result)


_WORDS = {"cpu": "processor time", "disk": "disk", "writes": "the bandwidth of its disk"}


def _check_findings(result: Result) -> Iterator[str]:
    rows, bound = of_kind(result, "check"), result.settings["bound_percent"]
    if not rows:
        yield "Not checked: none of the measured sections was there."
        return
    off = [row for row in rows if not row["within"]]
    well = len(rows) - len(off)
    yield f"{well} of {len(rows)} predictions are within {bound:g}% of what was measured."
    for row in off:
        yield (
            f"OFF by {row['error_percent']:+.0f}%: {row['part']}, {row['quantity']:,} orders, "
            f"{row['orders_batch_size']:,} a job, {row['workers']} workers: predicted "
            f"{row['predicted_seconds']:.2f} s, measured {row['measured_seconds']:.2f} s."
        )


def _engine_findings(result: Result) -> Iterator[str]:
    ceilings, needs = of_kind(result, "ceiling"), of_kind(result, "need")
    if not ceilings or not needs:
        return
    ceiling = ceilings[0]["orders_per_second"]
    within = [n for n in needs if n["peak_orders_per_second"] <= ceiling]
    most = f"{within[-1]['orders_per_day']:,}" if within else "none of these numbers of"
    yield (
        f"One engine with its settings as they are goes up to {ceiling:,} orders a second, however "
        f"many workers and shards there are: enough for the peak of {most} orders a day."
    )
