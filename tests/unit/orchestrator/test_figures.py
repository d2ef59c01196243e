"""What clients see of a run while it goes on and after it ended (SPEC O-8, O-15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_common.testing.clock import START
from pedidos_orchestrator.engine.run_progress import Speedometer
from pedidos_orchestrator.projections import estimate, status_of
from pedidos_orchestrator.times import iso
from tests.unit.orchestrator.world import Scripted, Seat, World
from tests.world.ending import ended_well

FIELDS = {
    "phase": None,
    "lastRunId": None,
    "generationTimeMs": None,
    "enqueueVipTimeMs": None,
    "enqueueNormalTimeMs": None,
    "processing": {"vip": None, "normal": None},
    "totalTimeMs": None,
    "counts": {"vip": None, "normal": None},
    "throughput": {"vip": None, "normal": None, "overall": None},
    "eta": {"estimatedMs": None, "progressPercent": None},
    "progress": {"target": None, "generated": None, "processedTotal": None},
    "error": None,
    "queueState": None,
}
WINDOW = {"start", "end", "timeMs", "count", "failed"}


def shape_fits(status: Mapping[str, Any]) -> None:
    assert status.keys() == FIELDS.keys()
    for name, inner in FIELDS.items():
        if isinstance(inner, dict):
            assert status[name].keys() == inner.keys()
    for window in status["processing"].values():
        assert window.keys() == WINDOW


def test_without_a_run_the_status_is_idle_and_empty() -> None:
    status = status_of(None, "running")
    shape_fits(status)
    assert (status["phase"], status["lastRunId"], status["totalTimeMs"]) == ("IDLE", None, None)
    assert status["eta"] == {"estimatedMs": None, "progressPercent": None}
    assert status["counts"] == {"vip": 0, "normal": 0}


async def watched(world: World, run: Run, turns: int = 3_000) -> list[dict[str, Any]]:
    """Every status of the run until it ended."""
    seen: list[dict[str, Any]] = []
    for _ in range(turns):
        found = await world.run(run)
        seen.append(status_of(found, "running"))
        if not found.active:
            return seen
        await world.turn()
    raise AssertionError("the run did not end")


@pytest.mark.parametrize("vip_share", [0.0, 0.3, 1.0])
async def test_while_a_run_goes_on_its_figures_only_grow(vip_share: float) -> None:
    world = World(vip_share=vip_share, handler_for=lambda _worker: Scripted())
    run = await world.start(quantity=60, chunk=10, batch=2, group=4)
    seen = await watched(world, run)
    for status in seen:
        shape_fits(status)
        for window in status["processing"].values():
            assert window["timeMs"] is None or window["timeMs"] >= 0
            assert (window["start"] is None) or window["timeMs"] is not None
        assert status["eta"]["estimatedMs"] is None or status["eta"]["estimatedMs"] >= 0
    for path in (("progress", "generated"), ("progress", "processedTotal")):
        values = [status[path[0]][path[1]] for status in seen]
        assert values == sorted(values)
    percents = [s["eta"]["progressPercent"] for s in seen if s["eta"]["progressPercent"]]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0
    totals = [status["totalTimeMs"] for status in seen]
    assert totals == sorted(totals)
    await ended_well(world, run)


async def test_the_estimate_is_null_until_there_is_a_basis() -> None:
    world = World()
    run = await world.start(quantity=60, chunk=10, batch=2, group=4)
    assert estimate(await world.run(run)) == {"estimatedMs": None, "progressPercent": None}
    await world.seat.step()
    first = estimate(await world.run(run))
    assert first["estimatedMs"] is None
    assert first["progressPercent"] == 0.0
    seen = await watched(world, run)
    known = [s["eta"]["estimatedMs"] for s in seen if s["eta"]["estimatedMs"] is not None]
    assert len(known) > len(seen) / 2
    assert known[-1] == 0
    assert max(known) < 20 * seen[-1]["totalTimeMs"]


async def test_a_window_is_not_over_while_more_orders_may_come() -> None:
    world = World(vip_share=1.0)
    run = await world.start(quantity=60, chunk=10, batch=10, group=10)
    for _ in range(200):
        found = await world.run(run)
        if found.phase is not Phase.GENERATING:
            break
        assert status_of(found, "running")["processing"]["vip"]["end"] is None
        await world.turn()
    run = await world.play()
    assert status_of(run, "running")["processing"]["vip"]["end"] is not None


async def test_the_figures_of_a_run_that_is_done_are_those_of_its_record() -> None:
    world = World(handler_for=lambda _worker: Scripted())
    run = await world.start(quantity=60, chunk=10, batch=2, group=4)
    await world.play()
    run = await ended_well(world, run)
    status, figures = status_of(run, "running"), run.figures
    vip, normal = status["processing"]["vip"], status["processing"]["normal"]
    assert (vip["count"], normal["count"]) == (18, 42)
    assert status["counts"] == {"vip": 18, "normal": 42}
    assert status["totalTimeMs"] == figures["totalTimeMs"]
    assert vip["timeMs"] == figures["processingTimeVIPMs"]
    assert normal["start"] == iso(figures["startNormal"])
    assert figures["endVIP"] <= figures["startNormal"]
    assert status["enqueueNormalTimeMs"] == figures["enqueueNormalTimeMs"] > 0
    seconds = figures["totalTimeMs"] / 1000
    assert status["throughput"]["overall"] == pytest.approx(60 / seconds, rel=0.01)
    assert status["throughput"]["normal"] == pytest.approx(42_000 / normal["timeMs"], rel=0.01)
    assert status["eta"] == {"estimatedMs": 0, "progressPercent": 100.0}


async def test_a_second_leader_does_not_forget_how_long_enqueueing_took() -> None:
    world = World()
    run = await world.start(quantity=60, chunk=10, batch=2, group=4)
    await world.play(until=lambda found: found.phase is Phase.WAITING_NORMAL_DRAIN)
    before = (await world.run(run)).live["enqueueVipMs"]
    assert before > 0
    await world.seat.leadership.resign()
    world.seat = Seat(world, "two")
    await world.play()
    assert (await ended_well(world, run)).figures["enqueueVipTimeMs"] == before


def test_rows_that_another_import_brought_do_not_hold_up_the_estimate() -> None:
    lane = {"expected": 0, "processed": 0, "failed": 0, "start": None, "end": None, "speed": 0.0}
    run = a_run(Phase.ENQUEUE_NORMAL, quantity=100)
    normal = {**lane, "expected": 90, "processed": 45, "speed": 9.0}
    live = {"generated": 90, "generationSpeed": 0.0, "vip": lane, "normal": normal}
    assert estimate(replace(run, live=live)) == {"estimatedMs": 5_000, "progressPercent": 75.0}


def when_normal_begins(
    *, vip_seconds: float, normal_seconds: float, normal_done: int, speed: float
) -> Run:
    """100,000 orders written in 10 s, 30,000 of them VIP and done after `vip_seconds`."""
    vip_end = START + timedelta(seconds=vip_seconds)
    vip = {"expected": 30_000, "processed": 30_000, "failed": 0, "speed": 0.0}
    normal = {"expected": 70_000, "processed": normal_done, "failed": 0, "speed": speed}
    live = {
        "generated": 100_000,
        "generationMs": 10_000,
        "generationSpeed": 0.0,
        "vip": {**vip, "start": START + timedelta(seconds=1), "end": vip_end},
        "normal": {**normal, "start": vip_end, "end": None},
    }
    now = vip_end + timedelta(seconds=normal_seconds)
    return replace(a_run(Phase.ENQUEUE_NORMAL, 100_000), live=live, updated_at=now)


@pytest.mark.parametrize("normal_seconds", [0.0, 0.5, 1.0, 4.0])
def test_the_estimate_does_not_jump_when_normal_begins(normal_seconds: float) -> None:
    # a heavy handler: 30,000 VIP orders in 30 s, and NORMAL goes on at the same speed
    done = round(1_000 * normal_seconds)
    run = when_normal_begins(
        vip_seconds=31.0,
        normal_seconds=normal_seconds,
        normal_done=done,
        speed=done / 5,  # the window of 5 s still covers idle time
    )
    assert estimate(run)["estimatedMs"] == pytest.approx(70_000 - done, rel=0.01)


@pytest.mark.parametrize("normal_done", [0, 500])
def test_where_vip_waited_for_writing_its_speed_is_what_normal_is_expected_to_have(
    normal_done: int,
) -> None:
    run = when_normal_begins(
        vip_seconds=10.5, normal_seconds=0.5, normal_done=normal_done, speed=normal_done / 5
    )
    # writing made 10,000 a second
    assert estimate(run)["estimatedMs"] == pytest.approx((70_000 - normal_done) / 10, rel=0.01)


def test_normal_that_has_run_some_seconds_is_measured_by_itself() -> None:
    run = when_normal_begins(vip_seconds=31.0, normal_seconds=6.0, normal_done=1_000, speed=200.0)
    assert estimate(run)["estimatedMs"] == 69_000 / 200 * 1_000


def a_run(phase: Phase, quantity: int) -> Run:
    plan = Plan(quantity, 10, 10, 10, seed=1, generator_version=1)
    return Run(new_run_id(1, 1), plan, phase, START)


def test_a_speed_needs_a_basis_and_forgets_the_past() -> None:
    speed = Speedometer()
    assert speed.note(0, 100.0) == 0.0
    assert speed.note(10_000, 100.01) == 0.0
    assert speed.note(10_000, 101.0) == 10_000
    for second in range(102, 120):
        last = speed.note(10_000, float(second))
    assert last == 0.0


def test_times_are_written_with_milliseconds_and_a_z() -> None:
    assert iso(datetime.fromisoformat("2026-01-02T03:04:05.678901+00:00")) == (
        "2026-01-02T03:04:05.678Z"
    )
