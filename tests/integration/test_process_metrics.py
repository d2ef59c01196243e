"""What every service tells of its event loop, and a worker of its writes."""

from __future__ import annotations

from pathlib import Path

from tests.integration.service_process import (
    ServiceProcess,
    each,
    environment,
    patiently,
    started,
)

LAG = ("pedidos_event_loop_lag_seconds_count", "pedidos_event_loop_lag_max_seconds")
WRITES = (
    "pedidos_worker_write_limit",
    "pedidos_worker_writes_in_flight",
    "pedidos_mongodb_order_write_seconds_count",
)


def metric(one: ServiceProcess, name: str) -> float:
    """The value of a metric without labels."""
    lines = one.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def test_every_service_tells_how_late_its_event_loop_is(
    tmp_path: Path, mongo_uri: str, mongo_database: str, redis_url: str
) -> None:
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=redis_url)

    def tells_its_lag(one: ServiceProcess) -> None:
        patiently(lambda: metric(one, LAG[0]) > 3)
        assert 0 <= metric(one, LAG[1]) < 60

    with started(tmp_path, environ) as services:
        each(services, tells_its_lag)


def test_a_worker_tells_how_many_batches_may_write_at_once(
    tmp_path: Path, mongo_uri: str, mongo_database: str, redis_url: str
) -> None:
    environ = environment(
        MONGO_URI=mongo_uri,
        MONGO_DB=mongo_database,
        REDIS_URL=redis_url,
        ORDERS_WRITE_CONCURRENCY="1",
    )
    with started(tmp_path, environ, ("worker",)) as (worker,):
        patiently(lambda: metric(worker, WRITES[0]) == 1)
        assert [metric(worker, name) for name in WRITES[1:]] == [0, 0]


def test_queues_are_told_by_the_leader_alone_and_by_the_next_one_after_it(
    tmp_path: Path, mongo_uri: str, mongo_database: str, redis_url: str
) -> None:
    environ = environment(MONGO_URI=mongo_uri, MONGO_DB=mongo_database, REDIS_URL=redis_url)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()

    def leads(one: ServiceProcess) -> bool:
        return metric(one, "pedidos_orchestrator_leader") == 1

    def tells_queues(one: ServiceProcess) -> bool:
        return "pedidos_queue_jobs{" in one.get("/metrics").text

    with started(folders[0], environ, ("orchestrator",)) as (first,):
        patiently(lambda: tells_queues(first))
        with started(folders[1], environ, ("orchestrator",)) as (second,):
            patiently(lambda: second.get("/readyz").is_success)
            patiently(lambda: "pedidos_orchestrator_leader" in second.get("/metrics").text)
            assert (leads(first), leads(second)) == (True, False)
            assert (tells_queues(first), tells_queues(second)) == (True, False)
            assert first.stop(20) == 0
            patiently(lambda: leads(second) and tells_queues(second))
