"""What only the leader exports: right numbers, once, and none that it no longer knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from pedidos_checkout.domain.reconciliation import Difference, Report
from pedidos_checkout.testing.in_memory_stores import InMemoryReconciliations
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Failed, NewJob, Retry
from pedidos_common.testing.clock import ManualClock
from pedidos_orchestrator.engine import leader_metrics
from pedidos_orchestrator.engine.leader_metrics import LeaderMetrics, LeaderPorts
from tests.unit.orchestrator.world import World

PERIOD = "pedidos_reconciliation_period_seconds"
ENDED = "pedidos_reconciliation_ended_timestamp_seconds"
STATES = ("left", "repaired")
JOBS, WAITING = "pedidos_queue_jobs", "pedidos_queue_oldest_waiting_age_seconds"


class Bench:
    """A world, and the metrics of its one orchestrator."""

    def __init__(self, **changes: Any) -> None:
        self.world, self.registry = World(), CollectorRegistry()
        world = self.world
        ports = LeaderPorts(world.runs, world.ledger, world.orders, world.queue_state)
        ports = replace(ports, **changes)
        self.metrics = LeaderMetrics(ports, world.seat.leadership, world.monotonic)
        self.registry.register(self.metrics)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def jobs(self, queue: str) -> Mapping[str, float | None]:
        states = ("waiting", "active", "delayed", "failed")
        return {state: self.value(JOBS, queue=queue, state=state) for state in states}

    def differs(self, kind: Difference, state: str) -> float | None:
        return self.value("pedidos_reconciliation_differences", kind=kind.value, state=state)

    def exports_nothing(self) -> bool:
        return not list(self.registry.collect())


async def leading(**changes: Any) -> Bench:
    bench = Bench(**changes)
    await bench.world.seat.lead()
    return bench


async def test_queues_are_counted_by_state_and_by_their_oldest_job() -> None:
    bench = await leading()
    ledger = bench.world.ledger
    names = ("waits", "runs", "later", "never")
    await ledger.create([NewJob(name, "f", "orders", Band.HIGH, {}) for name in names])
    await ledger.create([NewJob("new", "f", "unheard", Band.HIGH, {})])
    bench.world.clock.advance(2.5)
    for name, outcome in (("runs", None), ("later", Retry("x", 9.0)), ("never", Failed("x"))):
        job = await ledger.claim(name, "w")
        assert job is not None
        if outcome is not None:
            await ledger.settle(job, outcome)
    await bench.world.seat.lead()
    await bench.metrics.look()
    assert bench.jobs("orders") == {"waiting": 1, "active": 1, "delayed": 1, "failed": 1}
    assert bench.jobs("generation") == {"waiting": 0, "active": 0, "delayed": 0, "failed": 0}
    assert bench.value(JOBS, queue="other", state="waiting") == 1
    assert bench.value(WAITING, queue="orders") == 2.5
    assert bench.value(WAITING, queue="generation") == 0
    assert bench.value("pedidos_dead_letters", kind="job") == 1
    assert bench.value("pedidos_dead_letters", kind="order") == 0
    assert bench.value("pedidos_queue_state", state="running") == 1
    assert bench.value("pedidos_queue_state", state="paused") == 0


async def test_a_run_is_told_from_its_start_to_its_end() -> None:
    bench = await leading()
    await bench.metrics.look()
    assert bench.value("pedidos_run_phase", phase="IDLE") == 1
    assert bench.value("pedidos_run_progress_ratio") is None
    run = await bench.world.start(40)
    await bench.world.play()
    await bench.metrics.look()
    assert bench.value("pedidos_run_phase", phase="DONE") == 1
    assert bench.value("pedidos_run_phase", phase="IDLE") == 0
    assert bench.value("pedidos_run_progress_ratio") == 1
    assert bench.value("pedidos_run_estimated_remaining_seconds") == 0
    assert bench.value("pedidos_run_target_orders") == run.plan.quantity
    lanes = [
        bench.value("pedidos_run_final_orders", priority=priority, outcome="processed") or 0
        for priority in ("VIP", "NORMAL")
    ]
    assert min(lanes) > 0
    assert sum(lanes) == run.plan.quantity


async def test_reconciliations_are_told_from_none_to_what_the_newest_left() -> None:
    clock = ManualClock()
    kept = InMemoryReconciliations(clock)
    bench = await leading(reconciliations=kept, reconcile_every_seconds=900.0)
    await bench.metrics.look()
    assert bench.value(PERIOD) == 900
    assert bench.value(ENDED) == 0
    assert {bench.differs(kind, state) for kind in Difference for state in STATES} == {0}

    counts, left = {"amount": 1, "left_authorised": 3}, {"amount": 1, "left_authorised": 1}
    report = Report("reconcile:1", clock(), counts=counts, left=left, complete=True)
    await kept.keep(report)
    at = clock().timestamp()
    clock.advance(60)
    await kept.keep(replace(report, id="reconcile:2", left={"amount": 1}, complete=False))
    await bench.metrics.look()
    assert bench.value(ENDED) == at
    assert [bench.differs(Difference.AMOUNT, one) for one in STATES] == [1, 0]
    assert [bench.differs(Difference.LEFT_AUTHORISED, one) for one in STATES] == [0, 3]


async def test_where_nothing_is_compared_nothing_is_told_of_it() -> None:
    bench = await leading(reconcile_every_seconds=900.0)
    await bench.metrics.look()
    assert (bench.value(PERIOD), bench.value(ENDED)) == (None, None)
    assert bench.differs(Difference.AMOUNT, "left") is None
    asked = await leading(reconciliations=InMemoryReconciliations(ManualClock()))
    await asked.metrics.look()
    assert (asked.value(PERIOD), asked.value(ENDED)) == (None, 0)


async def test_who_does_not_lead_exports_nothing() -> None:
    bench = Bench()
    await bench.metrics.look()
    assert bench.exports_nothing()
    await bench.world.seat.lead()
    await bench.metrics.look()
    assert not bench.exports_nothing()
    await bench.world.seat.leadership.resign()
    assert bench.exports_nothing(), "at once, not only at the next look"


async def test_while_the_ledger_is_away_nothing_old_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await leading()
    await bench.metrics.look()

    async def away(_limit: int) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(bench.world.ledger, "depths", away)
    await bench.metrics.look()
    assert bench.exports_nothing()


async def test_a_look_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader_metrics, "LONGEST_LOOK_SECONDS", 0.01)
    bench = await leading()

    async def hang(_limit: int) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.world.ledger, "depths", hang)
    await bench.metrics.look()
    assert bench.exports_nothing()


async def test_after_a_look_that_failed_the_next_one_comes_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = await leading()
    depths = bench.world.ledger.depths

    async def away(_limit: int) -> None:
        bench.world.clock.advance(5.0)
        raise Unavailable("away")

    monkeypatch.setattr(bench.world.ledger, "depths", away)
    await bench.metrics.look()
    monkeypatch.setattr(bench.world.ledger, "depths", depths)
    bench.world.clock.advance(5.0)
    await bench.world.seat.lead()
    await bench.metrics.look()
    assert not bench.exports_nothing()


async def gaps_of_looks(
    monkeypatch: pytest.MonkeyPatch, cost_seconds: float, turns: int
) -> list[float]:
    """The seconds between looks that cost so much, where a turn comes a second after the last."""
    bench = await leading()
    looks, depths = [], bench.world.ledger.depths

    async def slow(limit: int) -> object:
        looks.append(bench.world.monotonic())
        bench.world.clock.advance(cost_seconds)
        return await depths(limit)

    monkeypatch.setattr(bench.world.ledger, "depths", slow)
    for _turn in range(turns):
        await bench.world.seat.lead()
        await bench.metrics.look()
        bench.world.clock.advance(1.0)
    return [later - sooner for sooner, later in pairwise(looks)]


async def test_no_figure_gets_old_however_much_a_look_costs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gaps = await gaps_of_looks(monkeypatch, cost_seconds=2.0, turns=40)
    assert max(gaps) <= 2.0 + 15.0 + 1.0


async def test_a_look_that_costs_much_comes_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = await gaps_of_looks(monkeypatch, cost_seconds=0.1, turns=21)
    assert len(gaps) > 1
    assert all(gap >= 50 * 0.1 for gap in gaps)
