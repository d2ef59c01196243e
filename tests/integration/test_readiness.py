"""`/readyz` of real processes is about writes: it says which server takes none, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.replica_set import ReplicaSet
from tests.faults.server_errors import OUT_OF_DISK, WRITES, ServerError, failing, refused
from tests.integration.service_process import ServiceProcess, each, environment, started
from tests.own_redis import OwnRedis

NO_STEP_DOWN_MS = 60_000
DISK_FULL = ServerError("disk full", WRITES, refused(OUT_OF_DISK))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[ReplicaSet]:
    """Three nodes, whose primary stays one for a minute after it lost its majority."""
    with ReplicaSet(tmp_path / "nodes", fallible=True) as started_set:
        started_set.elect_after(NO_STEP_DOWN_MS)
        yield started_set


@pytest.fixture
def services(tmp_path: Path, nodes: ReplicaSet) -> Iterator[list[ServiceProcess]]:
    """One of each service, ready."""
    with OwnRedis() as redis:
        environ = environment(MONGO_URI=nodes.uri, REDIS_URL=redis.url, LEASE_SECONDS="2")
        with started(tmp_path, environ) as running:
            each(running, assert_ready)
            yield running


def assert_ready(one: ServiceProcess) -> None:
    assert one.await_status("/readyz", 200).json() == {"mongo": True, "redis": True}


def assert_takes_no_write(one: ServiceProcess) -> None:
    """It says which server, and that it still answers."""
    said = one.await_status("/readyz", 503).json()
    assert (said["mongo"], said["redis"]) == (False, True), said
    assert "it answers, but has acknowledged no write" in said["reasons"]["mongo"]
    assert one.get("/healthz").status_code == 200


def assert_has_no_primary(one: ServiceProcess) -> None:
    said = one.await_status("/readyz", 503).json()
    assert said["reasons"]["mongo"].startswith("it does not answer"), said


@pytest.mark.timeout(180)
def test_a_primary_that_takes_no_write_is_seen(
    services: list[ServiceProcess], nodes: ReplicaSet
) -> None:
    with failing(nodes.primary(), DISK_FULL):
        each(services, assert_takes_no_write)
    each(services, assert_ready)
    with nodes.majority_lost() as primary:
        each(services, assert_takes_no_write)
        assert primary.hello()["isWritablePrimary"], "it stepped down before it was seen"
    each(services, assert_ready)
    for node in nodes.nodes:
        node.kill()
    each(services, assert_has_no_primary)
