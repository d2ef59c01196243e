"""`kill -9` of every part of a stack in the middle of one run: it ends DONE, and adds up."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import handlers
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack, until
from tests.faults.recovery import held_by, running_jobs

# these first, while there is something to generate
AT_WORK = ("generator", "worker")
NEEDED = ("redis", "orchestrator", "mongod")
ROLES = (*AT_WORK, *NEEDED)
QUANTITY = 30_000
RECOVERY_SECONDS = 15.0


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[tuple[Stack, Path]]:
    """A stack of its own with a slow handler, and the file that makes it faster or slower."""
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=0.1)
    environ = {
        **handlers.SLOWED,
        handlers.VARIABLE: str(mode),
        "GENERATION_CHUNK_SIZE": "100",
    }
    with running_stack(tmp_path / "stack", environ, generators=2, workers=2) as stack:
        yield stack, mode


def stop_at_work(stack: Stack, role: str) -> list[str]:
    """SIGSTOP the first process of a role while it holds jobs; which, once nothing moves."""
    pid = stack.processes(role)[0]["pid"]

    def stopped_with_jobs() -> list[str]:
        os.kill(pid, signal.SIGSTOP)
        before: list[str] = []
        # what it sent before it stopped may still arrive
        while (held := held_by(stack, pid)) != before:
            before = held
        if not held:
            os.kill(pid, signal.SIGCONT)
        return held

    return until(stopped_with_jobs)


def taken_over(stack: Stack, jobs: list[str]) -> bool:
    """Whether each of the jobs was claimed once more after its worker died, and has succeeded."""
    again = {"_id": {"$in": jobs}, "status": "succeeded", "deliveries": {"$gte": 2}}
    return bool(stack.database.jobs.count_documents(again) == len(jobs))


def settled(stack: Stack, jobs: list[str]) -> bool:
    """Whether each of the jobs has succeeded."""
    done = {"_id": {"$in": jobs}, "status": "succeeded"}
    return bool(stack.database.jobs.count_documents(done) == len(jobs))


def kill_at_work(stack: Stack) -> dict[str, float]:
    """Kill a worker and a generator that hold jobs; how long until others settled them all."""
    held = {role: stop_at_work(stack, role) for role in reversed(AT_WORK)}
    killed_at = time.monotonic()
    for role in held:
        stack.kill(role)
    recovered: dict[str, float] = {}

    def all_taken_over() -> bool:
        for role in held.keys() - recovered.keys():
            if taken_over(stack, held[role]):
                recovered[role] = time.monotonic() - killed_at
        return len(recovered) == len(held)

    until(all_taken_over, 60)
    return recovered


def kill_under_work(stack: Stack, role: str) -> float:
    """Kill what the workers need; how long after its return they have settled what they held.

    With the orchestrator it also takes another that leads.
    """
    held = until(lambda: running_jobs(stack, queue="orders"))
    led = led_times(stack)
    stack.kill(role)
    stack.await_ready()
    back_at = time.monotonic()
    until(lambda: settled(stack, held), 60)
    until(lambda: role != "orchestrator" or led_times(stack) > led, 60)
    return time.monotonic() - back_at


def led_times(stack: Stack) -> int:
    """How often the engine's leader has changed."""
    lease = stack.database.leases.find_one({"_id": "engine"})
    return int(lease["epoch"]) if lease else 0


@pytest.mark.timeout(240)
def test_run_survives_the_death_of_each_part(victim: tuple[Stack, Path]) -> None:
    stack, mode = victim
    run_id = stack.start(QUANTITY, seed=3)
    until(lambda: stack.processed() > 0)
    assert stack.phase() == "GENERATING"
    recovered = kill_at_work(stack)
    stack.await_ready()
    recovered |= {role: kill_under_work(stack, role) for role in NEEDED}
    assert stack.phase() != "DONE", "the run was too short for this test"
    handlers.switch(mode)
    stack.await_phase("DONE", seconds=90)
    stack.assert_audited(run_id)
    assert stack.database.orders.count_documents({"status": "processado"}) == QUANTITY
    late = {role: seconds for role, seconds in recovered.items() if seconds > RECOVERY_SECONDS}
    assert not late, json.dumps(recovered)
    assert_stops_cleanly(stack)


@pytest.mark.faults
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
