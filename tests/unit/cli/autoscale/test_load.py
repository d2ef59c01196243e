"""From what processes tell to seconds of work that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pedidos_cli.autoscale.scrape import load_of
from pedidos_cli.autoscale.work import Ended, JobTimes, Load, work_seconds

WAITING = 'pedidos_queue_jobs{queue="%s",state="%s"} %g\n'
DURATION = 'pedidos_job_duration_seconds_%s{queue="%s",function="f"} %g\n'
SLOTS = 'pedidos_worker_slots{state="%s"} %g\n'


def told(*lines: str) -> list[Sample]:
    text = "# TYPE pedidos_job_duration_seconds histogram\n" + "".join(lines)
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


def waits(orders: float, **others: float) -> list[Sample]:
    queues = {"orders": orders, **others}
    active = WAITING % ("orders", "active", 999)
    return told(active, *(WAITING % (name, "waiting", count) for name, count in queues.items()))


def worker(busy: float, free: float, jobs: float = 0, seconds: float = 0) -> list[Sample]:
    return told(
        *(SLOTS % ("busy", busy), SLOTS % ("free", free)),
        *(DURATION % ("count", "orders", jobs), DURATION % ("sum", "orders", seconds)),
    )


def test_the_load_is_what_waits_for_workers_what_they_ended_and_their_slots() -> None:
    workers = {"worker-0": worker(5, 15, 8, 4.0), "worker-1": worker(10, 0, 2, 6.0)}
    load = load_of([waits(100, notifications=20, generation=7)], workers)
    ended = {"worker-0": Ended(8, 4.0), "worker-1": Ended(2, 6.0)}
    assert load == Load(waiting=120, ended=ended, slots=15)


def test_two_that_hold_themselves_for_the_leader_do_not_add_up() -> None:
    load = load_of([waits(100), waits(90)], {})
    assert load == Load(waiting=100, ended={}, slots=None)


@pytest.mark.parametrize("orchestrators", [[], [told()]], ids=["none answers", "none leads"])
def test_without_a_leader_nobody_knows_the_load(orchestrators: Any) -> None:
    assert load_of(orchestrators, {"worker-0": worker(5, 5)}) is None


def after(*looks: tuple[float, Mapping[str, Ended]]) -> float:
    times = JobTimes()
    for now, ended in looks:
        times.add(now, ended)
    return times.mean_seconds()


def test_a_job_is_taken_to_last_a_second_until_one_ended() -> None:
    assert after((0, {"worker-0": Ended()})) == 1.0


def test_the_mean_is_over_all_workers() -> None:
    assert after((0, {"worker-0": Ended(8, 4.0), "worker-1": Ended(2, 6.0)})) == 1.0
    assert after((0, {"worker-0": Ended(4, 8.0)}), (5, {"worker-0": Ended(5, 12.0)})) == 2.4


def test_what_ended_five_minutes_ago_no_longer_counts() -> None:
    looks = [(0.0, {"worker-0": Ended(100, 1.0)}), (300.0, {"worker-0": Ended(101, 11.0)})]
    assert after(*looks) == 10.0


def test_a_worker_that_was_started_anew_counts_from_nothing() -> None:
    assert after((0, {"worker-0": Ended(100, 100.0)}), (5, {"worker-0": Ended(2, 104.0)})) == 2.0


def test_a_worker_that_is_silent_for_one_look_is_not_counted_twice() -> None:
    told = {"worker-0": Ended(100, 200.0)}
    assert after((0, told), (5, {}), (10, told)) == 2.0


def test_the_work_is_what_one_worker_alone_would_need() -> None:
    assert work_seconds(Load(waiting=200, ended={}, slots=25), job_seconds=10) == 80
    assert work_seconds(Load(waiting=200, ended={}, slots=None), job_seconds=10) == 80
