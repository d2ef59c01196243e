"""What a run's jobs and metrics tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from bench.paired.run_facts import LOOP_LAG, RunFacts, facts_from, loop_lag_ms

START = datetime(2026, 1, 1, tzinfo=UTC)


def job(lane: str, index: int, claimed: int | None, settled: int | None) -> dict[str, Any]:
    times = {"firstClaimedAt": claimed, "settledAt": settled}
    return {
        "_id": f"run:{lane}:000000:{index:05d}",
        **{n: START + timedelta(milliseconds=ms) for n, ms in times.items() if ms is not None},
    }


def test_the_barrier_is_from_the_last_vip_end_to_the_first_normal_start() -> None:
    jobs = [
        job("vip", 0, 100, 180),
        job("vip", 1, 100, 400),
        job("normal", 0, 470, 600),
        job("normal", 1, 460, 700),
    ]

    assert facts_from(START, jobs) == RunFacts(barrier_ms=60.0, first_order_ms=180.0)


def test_without_vip_orders_there_is_no_barrier_and_a_normal_batch_is_the_first() -> None:
    jobs = [job("normal", 0, 100, 250), job("normal", 1, 100, None)]

    assert facts_from(START, jobs) == RunFacts(barrier_ms=None, first_order_ms=250.0)


def test_a_run_without_batches_has_neither() -> None:
    assert facts_from(START, []) == RunFacts()


def test_a_histogram_of_lags_gives_the_bound_that_99_percent_stay_within() -> None:
    registry = CollectorRegistry()
    lags = Histogram(LOOP_LAG, "late", registry=registry, buckets=(0.005, 0.05, 0.5))
    for lag in (*[0.001] * 99, 0.3):
        lags.observe(lag)

    assert loop_lag_ms(generate_latest(registry).decode()) == 5.0

    lags.observe(0.3)
    assert loop_lag_ms(generate_latest(registry).decode()) == 500.0


def test_beyond_the_last_bound_the_last_bound_is_told() -> None:
    registry = CollectorRegistry()
    Histogram(LOOP_LAG, "late", registry=registry, buckets=(0.005, 0.05)).observe(9.0)

    assert loop_lag_ms(generate_latest(registry).decode()) == 50.0


def test_a_gauge_of_lags_gives_its_value_and_other_metrics_give_none() -> None:
    registry = CollectorRegistry()
    Gauge("other", "not a lag", registry=registry).set(7)
    assert loop_lag_ms(generate_latest(registry).decode()) is None

    Gauge(LOOP_LAG, "late", registry=registry).set(0.0123)
    assert loop_lag_ms(generate_latest(registry).decode()) == 12.3
