"""A worker of the previous release beside those of the next one, as in a rolling deploy."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.counted import COUNTED
from tests.e2e.stack import STOP_SECONDS, Stack, _environ, running_stack, until
from tests.faults.hooks.releases import next_release
from tests.faults.hooks.wrapping import hooked
from tests.faults.recovery import settled
from tests.servers import free_port

QUANTITY = 4_000
RECOVERY_SECONDS = 15.0
PREVIOUS = "worker-of-the-previous-release"
PREVIOUS_LOG = "previous.log"
ENVIRON = {
    "ORDERS_BATCH_SIZE": "20",
    "GENERATION_CHUNK_SIZE": "500",
    "STUCK_AFTER_MS": "2000",
    "ORDERS_QUEUE_CONCURRENCY": "2",
}


@contextlib.contextmanager
def previous_worker(stack: Stack, log: Path) -> Iterator[None]:
    """A worker without the hook, so one that knows version 1 alone."""
    environ = _environ(stack.folder, ENVIRON) | {
        "MONGO_URI": stack.mongo_uri,
        "MONGO_DB": stack.database.name,
        "REDIS_URL": str(stack.document()["redis_url"]),
        "HOST": "127.0.0.1",
        "METRICS_PORT": str(free_port()),
        "PROCESS_NAME": PREVIOUS,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pedidos_worker"], stdout=output, stderr=output, env=environ
        )
    try:
        until(lambda: stack.database.processes.find_one({"_id": PREVIOUS}), 60)
        yield
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environ = hooked(next_release, environ=ENVIRON)
    folder = tmp_path_factory.mktemp("releases")
    with (
        running_stack(folder, environ, workers=1) as stack,
        previous_worker(stack, folder / PREVIOUS_LOG),
    ):
        yield stack


@pytest.fixture
def stack(running: Stack) -> Stack:
    """One worker of the next release and one of the previous; idle and empty."""
    running.reset()
    return running


def batches(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    """The run's batch jobs, none of which counted anything."""
    found = list(stack.database.jobs.find({"scope": run_id, "function": "orders.process_batch"}))
    assert {(job["attempts"], job["lost"], job["status"]) for job in found} == {(0, 0, "succeeded")}
    return found


def by_version(jobs: list[dict[str, Any]], worker: str) -> dict[int, int]:
    """How many jobs of each payload version the worker did."""
    return {
        version: sum(job["worker"] == worker for job in jobs if job["payloadVersion"] == version)
        for version in (1, 2)
    }


def handed_back(log: Path) -> int:
    """How many lines of the previous release's worker say so."""
    lines = log.read_text("utf-8").splitlines()
    told = [line for line in lines if "job_not_understood" in line]
    assert all("roll this process on" in line for line in told)
    return len(told)


@pytest.mark.timeout(120)
def test_a_run_ends_well_beside_a_worker_of_the_previous_release(stack: Stack) -> None:
    newer = stack.processes("worker")[0]["pid"]
    os.kill(newer, signal.SIGSTOP)  # it might take all that the other one understands
    run_id = stack.start(QUANTITY, seed=51)
    its_own = {"worker": PREVIOUS, "payloadVersion": 1, "status": "succeeded", "scope": run_id}
    until(lambda: stack.database.jobs.find_one(its_own), 60)
    os.kill(newer, signal.SIGCONT)
    stack.await_phase("DONE", seconds=60)
    stack.assert_audited(run_id)
    done = by_version(batches(stack, run_id), PREVIOUS)
    assert done[1] > 0, "the worker of the previous release did nothing"
    assert done[2] == 0
    # once a minute, however many jobs it handed back
    assert handed_back(stack.folder / PREVIOUS_LOG) in {1, 2}
    assert stack.get("/pedidos/health/queue")["warnings"] == []


@pytest.mark.timeout(120)
def test_work_that_no_live_worker_understands_is_told_and_goes_on_with_one_that_does(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    newer = stack.processes("worker")[0]["pid"]
    os.kill(newer, signal.SIGSTOP)
    run_id = stack.start(QUANTITY, seed=52)
    stuck = until(lambda: _stuck(stack), 60)
    assert "orders.process_batch (payload version 2) is handed back" in str(stuck["warnings"])
    waiting = stack.database.jobs.distinct("_id", {"refusedSince": {"$type": "date"}})
    assert waiting
    os.kill(newer, signal.SIGCONT)
    since = time.monotonic()
    until(lambda: settled(stack, waiting), 60)
    seconds = time.monotonic() - since
    stack.await_phase("DONE", seconds=60)
    stack.assert_audited(run_id)
    assert by_version(batches(stack, run_id), PREVIOUS)[2] == 0
    record_property(COUNTED, f"payload of the next release: taken {seconds:.1f} s after a worker")
    assert seconds <= RECOVERY_SECONDS


def _stuck(stack: Stack) -> dict[str, Any] | None:
    health = stack.get("/pedidos/health/queue")
    return health if health["isStuck"] else None
