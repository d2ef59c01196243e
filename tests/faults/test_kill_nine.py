"""`kill -9` of every part of a stack in the middle of one run: it ends DONE, and adds up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import handlers
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack, until

# the generator first, while there is something to generate
ROLES = ("generator", "worker", "redis", "orchestrator", "mongod")
QUANTITY = 30_000
RECOVERY_SECONDS = 15.0


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """A stack of its own with a slow handler, and the file that makes it faster or slower."""
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=0.1)
    environ = {
        "ORDER_HANDLER": handlers.SPEC,
        handlers.VARIABLE: str(mode),
        "ORDER_HANDLER_TIMEOUT_MS": "10000",
        # at most 1,000 orders a second, and many small chunks, so that it lasts
        "ORDER_HANDLER_CONCURRENCY": "10",
        "ORDERS_QUEUE_CONCURRENCY": "5",
        "GENERATION_CHUNK_SIZE": "100",
    }
    with running_stack(tmp_path / "stack", environ, generators=2, workers=2) as stack:
        yield stack, mode


def settled_jobs(stack: Stack) -> int:
    return int(stack.database.jobs.count_documents({"status": "succeeded"}))


def held_by(stack: Stack, pid: int) -> list[str]:
    """The jobs that a process with this id is running, by the ledger."""
    names = [p["_id"] for p in stack.database.processes.find({"pid": pid})]
    running = {"status": "running", "lease.worker": {"$in": names}}
    return [job["_id"] for job in stack.database.jobs.find(running, {"_id": 1})]


def kill_and_recover(stack: Stack, role: str) -> float:
    """Kill one process; how long after it every job that it held was settled by another."""
    pid = stack.processes(role)[0]["pid"]
    held = held_by(stack, pid) if role in {"worker", "generator"} else []
    killed_at = time.monotonic()
    stack.kill(role)
    stack.await_ready()
    back_at = time.monotonic() if role in {"mongod", "redis", "orchestrator"} else killed_at
    open_ = {"_id": {"$in": held}, "status": {"$in": ["queued", "running", "retrying"]}}
    before = settled_jobs(stack)
    until(lambda: not stack.database.jobs.count_documents(open_), 60)
    until(lambda: settled_jobs(stack) > before or stack.phase() == "DONE", 60)
    return time.monotonic() - back_at


@pytest.mark.timeout(240)
def test_run_survives_the_death_of_each_part(victim: tuple[Stack, Path]) -> None:
    stack, mode = victim
    run_id = stack.start(QUANTITY, seed=3)
    until(lambda: stack.processed() > 0)
    assert stack.phase() == "GENERATING"
    recovered = {role: kill_and_recover(stack, role) for role in ROLES}
    assert stack.phase() != "DONE", "the run was too short for this test"
    handlers.switch(mode)
    stack.await_phase("DONE", seconds=90)
    stack.assert_audited(run_id)
    assert stack.database.orders.count_documents({"status": "processado"}) == QUANTITY
    late = {role: seconds for role, seconds in recovered.items() if seconds > RECOVERY_SECONDS}
    assert not late, json.dumps(recovered)
    assert_stops_cleanly(stack)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_run_survives_a_kill_every_few_seconds(victim: tuple[Stack, Path]) -> None:
    stack, mode = victim
    run_id = stack.start(60_000, seed=4)
    for round_ in range(4):
        for role in ROLES:
            until(lambda: stack.processed() > 0, 60)
            index = round_ % len(stack.processes(role))
            stack.kill(role, index)
            time.sleep(1.0 + round_)
    handlers.switch(mode)
    stack.await_phase("DONE", seconds=300)
    stack.assert_audited(run_id)
