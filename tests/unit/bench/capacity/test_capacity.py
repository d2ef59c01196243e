"""Costs follow from what was measured, needs from costs, and the page from needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.capacity.footprint import bytes_summary
from bench.capacity.limits import limit_rows
from bench.capacity.model import Assumptions, Bytes, need_row
from bench.capacity.page import PAGE, parts_of, with_parts
from bench.capacity.simulation.check import check_rows
from bench.capacity.simulation.costs import Costs, jobs_of
from bench.capacity.simulation.fitting import costs_of
from bench.capacity.simulation.pipeline import simulate
from bench.capacity.simulation.setup import Setup
from bench.capacity.tables import findings, tables, text_of
from bench.results import Result, load

COSTS = Costs()
SETTINGS = {"bound_percent": 10.0, "quantity": 1_000_000}
SIZES = Bytes(order=250, order_disk=100, journal=500, block=200, oplog=750, job_disk=400, ring=400)


def _result(section: str, *rows: dict[str, Any], **summary: Any) -> Result:
    machine = {"system": "Linux", "cores": 2}
    return Result(section, "", "", machine, {"mongod": "6"}, SETTINGS, rows, summary)


def _run(batch_size: int, *, replica_set: bool = False, **columns: float) -> dict[str, Any]:
    return {"orders_batch_size": batch_size, "replica_set": replica_set, **columns}


def _stage(stage: str, seconds: float) -> dict[str, Any]:
    told = {"stage": stage, "cpu_seconds_per_100k": seconds}
    return {"kind": "cpu", "loop": "bare loop", "process": "mongod", **told}


def test_a_job_costs_what_single_ones_add_and_an_order_the_rest() -> None:
    more = jobs_of(100_000, 1) - jobs_of(100_000, 1_000)
    footprint = _result(
        "footprint",
        _run(1_000, worker_cpu_seconds_per_100k=0.5),
        _run(1, worker_cpu_seconds_per_100k=0.5 + more * 0.002),
    )
    costs = costs_of(None, footprint)
    assert costs.job_client == pytest.approx(0.002)
    assert costs.worker * 100_000 == pytest.approx(0.5 - 0.002 * jobs_of(100_000, 1_000))
    assert costs.generator == COSTS.generator


def test_the_pipeline_section_gives_orders_their_price_but_not_that_of_an_oplog() -> None:
    rows = {"mongod_cpu_seconds_per_100k": 3.0, "generator_cpu_seconds_per_100k": 0.5}
    footprint = _result("footprint", _run(1_000, replica_set=True, **rows))
    told = {name: {"median": value / 2} for name, value in rows.items()}
    stages = [_stage("insert", 0.2), _stage("vip", 0.3), _stage("normal", 0.5)]
    pipeline = _result("pipeline", *stages, pipeline_seconds={"median": 10.0}, **told)
    alone, logged = (costs_of(pipeline, footprint, replica_set=which) for which in (False, True))
    assert logged.generator == alone.generator == pytest.approx(0.25 / 100_000)
    difference = (logged.mongod - alone.mongod) * 100_000
    assert difference == pytest.approx(1.5)
    assert alone.insert / alone.mongod == pytest.approx(0.2)


def test_what_a_process_uses_when_idle_is_no_price_of_orders() -> None:
    row = _run(1_000, quantity=100_000, seconds=10.0, worker_cpu_seconds_per_100k=1.0)
    costs = costs_of(None, _result("footprint", {**row, "worker_idle_cores": 0.04}))
    assert costs.idle_worker == pytest.approx(0.02)
    of_jobs = COSTS.job_client * jobs_of(100_000, 1_000)
    assert costs.worker * 100_000 == pytest.approx(1.0 - 0.4 - of_jobs)


def test_bytes_are_told_apart_by_order_and_by_job() -> None:
    names = ("journal_bytes", "block_bytes", "oplog_bytes", "oplog_disk_bytes")
    written = dict.fromkeys(names, 5_000_000)
    usual = {"quantity": 10_000, "order_bytes": 2_500_000, "order_disk_bytes": 900_000}
    usual |= {"jobs": 11, "job_bytes": 8_800, "job_disk_bytes": 4_400, **written}
    single = {**usual, "quantity": 1_000, "jobs": 1_001, "job_bytes": 800_800}
    summary = bytes_summary(usual, single)
    assert summary["order_bytes_per_order"] == 250
    assert summary["job_bytes_per_job"] == 800


def test_what_the_simulation_gives_is_checked_as_without_error() -> None:
    seconds = simulate(Setup(50_000, workers=4), COSTS).seconds
    measured = _result("workers", {"quantity": 50_000, "workers": 4, "seconds": seconds})
    slower = _result("scaling", {"quantity": 50_000, "seconds": seconds * 2})
    good, bad = check_rows([measured, slower], COSTS, bound_percent=10)
    assert good["error_percent"] == 0
    assert good["within"]
    assert not bad["within"]


def test_more_orders_need_no_less_of_anything() -> None:
    few, many = (need_row(per_day, COSTS, SIZES, Assumptions()) for per_day in (10**6, 10**9))
    for name in ("workers", "generators", "shards", "kept_tb", "write_mb_per_second"):
        assert few[name] <= many[name]
    assert few["holds"]
    assert many["shards_because_of"] == "disk"


def test_the_first_bottleneck_follows_from_what_is_scarce() -> None:
    short = replace(Assumptions(), retention_days=0.01, oplog_hours=0.1)
    dear = replace(COSTS, update=COSTS.update * 10)
    assert need_row(10**9, dear, SIZES, short)["shards_because_of"] == "cpu"
    assert need_row(10**9, COSTS, SIZES, short)["shards_because_of"] == "writes"


def test_what_is_full_first_comes_first() -> None:
    need = need_row(10**9, COSTS, SIZES, Assumptions())
    slow, fast = (
        limit_rows(need, {"orders_per_second": rate}, COSTS, Assumptions())
        for rate in (1_000, 10**9)
    )
    assert slow[0]["part"] == "one engine, one run at a time"
    assert fast[0]["part"] == "disk of one shard"
    assert fast[-1]["part"] == "one engine, one run at a time"


def test_parts_stand_between_their_marks() -> None:
    page = "a\n<!-- one -->\nold\n<!-- end one -->\nb\n"
    assert with_parts(page, {"one": "new"}) == "a\n<!-- one -->\nnew\n<!-- end one -->\nb\n"
    with pytest.raises(ValueError, match="no pair of marks"):
        with_parts(page, {"one": "new", "two": "new"})
    with pytest.raises(ValueError, match="nothing is computed for"):
        with_parts(page, {})


def test_the_page_shows_the_results_that_are_kept() -> None:
    result = load("capacity")
    if result is None:
        pytest.skip("nothing is measured yet: `make bench-simulate MEASURE=1`")
    page = PAGE.read_text(encoding="utf-8")
    assert with_parts(page, parts_of(result)) == page, "run `make bench-simulate` again"


def test_every_part_of_the_page_is_computed() -> None:
    need = need_row(10**9, COSTS, SIZES, Assumptions())
    parts = parts_of(_result("capacity", need))
    assert with_parts(PAGE.read_text(encoding="utf-8"), parts)
    assert "1,000,000,000 orders a day" in parts["findings"]


def test_what_is_off_is_said() -> None:
    measured = _result("scaling", {"quantity": 1_000, "seconds": 60.0})
    result = _result("capacity", *check_rows([measured], COSTS, bound_percent=10))
    said = list(findings(result))
    assert said[0] == "0 of 1 predictions are within 10% of what was measured."
    assert said[1].startswith("OFF by -")
    assert dict(tables(result))["check"].rows[0][1] == "1,000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (False, "NO"), (1234, "1,234"), (0.01234, "0.0123"),
     (1234.5, "1,234"), (12.0, "12"), ("disk", "disk")],
)  # fmt: skip
def test_cells(value: Any, text: str) -> None:
    assert text_of(value) == text
