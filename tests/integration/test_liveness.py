"""`/healthz` of real processes: each part that hangs is named, and a server that hangs is none."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.faults.mongod import Mongod
from tests.integration import stuck_service
from tests.integration.service_process import (
    ServiceProcess,
    each,
    environment,
    patiently,
    started,
)
from tests.own_redis import OwnRedis

HUNG = 70
PATIENCE_SECONDS = 20
PARTS = {
    "worker": ("queue watch", "receive orders", "heartbeat", stuck_service.EVENT_LOOP),
    "generator": ("receive generation",),
    "orchestrator": ("leadership", "engine", "reconcile", "housekeeping"),
}
SHORT = (("worker", "receive orders"), ("orchestrator", "engine"))
EVERY = [(service, part) for service, parts in PARTS.items() for part in parts]


def assert_noticed(one: ServiceProcess, file: Path, part: str) -> None:
    """`/healthz` names a part that hangs, and the process ends itself where it still can."""
    one.await_status("/readyz", 200)
    one.await_status("/healthz", 200)
    file.write_text(part, "utf-8")
    if part == stuck_service.EVENT_LOOP:
        assert one.process.wait(30) == HUNG
        return
    said = one.await_status("/healthz", 503).json()
    assert part in said["stuck"], said
    # the receivers of one process have one place at which they hang; all others still turn
    assert part.startswith("receive") or said["stuck"] == [part], said
    if part == "heartbeat":  # nobody is left to end the process but who asks /healthz
        assert one.process.poll() is None
        return
    assert one.process.wait(30) == HUNG
    assert part in one.lines("parts_stuck")[0]["parts"]


def one_stuck(
    tmp_path: Path, mongo_uri: str, database: str, redis_url: str, service: str, part: str
) -> None:
    file = tmp_path / "stuck"
    environ = environment(
        MONGO_URI=mongo_uri,
        MONGO_DB=database,
        REDIS_URL=redis_url,
        KEY_PREFIX=f"{database}:",
        LEASE_SECONDS="2",
        STUCK_FILE=str(file),
        SILENT_SECONDS="4",
        HANG_SECONDS="3",
    )
    with started(tmp_path, environ, (service,), stuck_service.MODULE) as (one,):
        assert_noticed(one, file, part)


@pytest.mark.parametrize(("service", "part"), SHORT)
def test_a_part_that_hangs_is_named_and_ends_the_process(
    tmp_path: Path, mongo_uri: str, mongo_database: str, redis_url: str, service: str, part: str
) -> None:
    one_stuck(tmp_path, mongo_uri, mongo_database, redis_url, service, part)


@pytest.mark.slow
@pytest.mark.parametrize(("service", "part"), EVERY)
def test_whatever_hangs_is_noticed(
    tmp_path: Path, mongo_uri: str, mongo_database: str, redis_url: str, service: str, part: str
) -> None:
    one_stuck(tmp_path, mongo_uri, mongo_database, redis_url, service, part)


def assert_alive_for_long(one: ServiceProcess) -> None:
    """`/healthz` never fails for longer than a part may be silent."""
    ends_at = time.monotonic() + PATIENCE_SECONDS + 10

    def is_over() -> bool:
        healthy = one.get("/healthz")
        assert healthy.status_code == 200, healthy.text
        return time.monotonic() > ends_at

    patiently(is_over)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_process_is_alive_while_its_servers_hang(tmp_path: Path) -> None:
    with Mongod(tmp_path / "mongod") as mongo, OwnRedis() as redis:
        environ = environment(
            MONGO_URI=f"mongodb://{mongo.address}",
            REDIS_URL=redis.url,
            STUCK_FILE=str(tmp_path / "never"),
            SILENT_SECONDS=str(PATIENCE_SECONDS),
            HANG_SECONDS="5",
        )
        with started(tmp_path, environ, module=stuck_service.MODULE) as services:
            for one in services:
                one.await_status("/readyz", 200)
            mongo.pause()
            redis.signal(signal.SIGSTOP)
            each(services, assert_alive_for_long)
            mongo.go_on()
            redis.signal(signal.SIGCONT)
            for one in services:
                one.await_status("/readyz", 200)
