"""Processes whose wall clock is an hour or a day off, or jumps: nothing goes by it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis

from pedidos_common.adapters.redis.bells import BAND_DISTANCE_MS, FIRST_AHEAD_MS
from pedidos_common.domain.jobs import Band
from tests.e2e import handlers
from tests.e2e.stack import ENDED, Stack, assert_stops_cleanly, running_stack, until
from tests.faults.hooks import clocks
from tests.faults.hooks.wrapping import hooked
from tests.faults.mending import leader
from tests.faults.twin import Twin

QUANTITY = 1_000
SLACK = timedelta(seconds=5)
LATE_SECONDS = 60.0
FURTHEST_OFF_MS = 26 * 3_600_000
ENVIRON = {
    "ORDER_HANDLER": handlers.SPEC,
    "ORDER_HANDLER_CONCURRENCY": "10",
    # fewer than there are batches at a time, so that rings wait in Redis to be looked at
    "ORDERS_QUEUE_CONCURRENCY": "1",
    "NORMAL_ENQUEUE_BATCH_SIZE": "500",
    "ORDERS_RETENTION_DAYS": "1",
    "JOBS_RETENTION_DAYS": "1",
    # each process says again and again what time it thinks it is
    "LOG_MEMORY": "true",
    "LOG_PROGRESS_EVERY_MS": "300",
}


@contextlib.contextmanager
def wrong_clocks(folder: Path) -> Iterator[tuple[Stack, Path, dict[str, str]]]:
    """A stack in which no process of a service has the right time."""
    mode, locks = folder / "mode.json", folder / "clocks"
    locks.mkdir()
    handlers.switch(mode, "failing", 0.05)
    more = {handlers.VARIABLE: str(mode), clocks.VARIABLE: str(locks)}
    environ = hooked(clocks.install, environ={**ENVIRON, **more})
    with running_stack(folder / "stack", environ, generators=2, workers=3) as stack:
        yield stack, mode, environ
        assert_stops_cleanly(stack)


class Watched:
    """What a client sees of a run, and what stands in Redis meanwhile."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.statuses: list[dict[str, Any]] = []
        self.rings = 0
        self._redis = redis.Redis.from_url(str(stack.document()["redis_url"]), socket_timeout=10)

    def run_to_its_end(self, seed: int) -> str:
        """A run, looked at all the time; its id."""
        with contextlib.closing(self._redis):
            before, began = datetime.now(UTC), time.monotonic()
            run_id = self.stack.start(QUANTITY, seed)
            until(self._has_ended, LATE_SECONDS)
            took, after = time.monotonic() - began, datetime.now(UTC)
        self.stack.assert_audited(run_id)
        self._assert_figures_are_sane(took)
        self._assert_times_are_the_servers(run_id, before, after)
        return run_id

    def _has_ended(self) -> bool:
        status = self.stack.get("/pedidos")
        self.statuses.append(status)
        self._look_at_rings()
        health = self.stack.get("/pedidos/health/queue")
        assert not health["isStuck"], health
        assert status["phase"] == "DONE" or status["phase"] not in ENDED, status
        return bool(status["phase"] == "DONE")

    def _look_at_rings(self) -> None:
        """Each stands where its band says, whoever's clock it was rung by."""
        rings: Any = self._redis.zrange("pedidos:rings:orders", 0, -1, withscores=True)
        jobs = {ring.decode().rpartition(":")[0]: score for ring, score in rings}
        for job in self.stack.database.jobs.find({"_id": {"$in": list(jobs)}}, {"band": 1}):
            ahead_ms = time.time() * 1000 - jobs[job["_id"]]
            bands_ms = (len(Band) - job["band"]) * BAND_DISTANCE_MS
            assert min(abs(ahead_ms - bands_ms), abs(ahead_ms - bands_ms - FIRST_AHEAD_MS)) < (
                FURTHEST_OFF_MS
            )
            self.rings += 1

    def _assert_figures_are_sane(self, took: float) -> None:
        limit_ms = (took + SLACK.total_seconds()) * 1000
        for status in self.statuses:
            eta = status["eta"]
            assert eta["estimatedMs"] is None or 0 <= eta["estimatedMs"] < 3_600_000, eta
            assert eta["progressPercent"] is None or 0 <= eta["progressPercent"] <= 100, eta
            lanes = status["processing"].values()
            for ms in (status["totalTimeMs"], *(lane["timeMs"] for lane in lanes)):
                assert ms is None or 0 <= ms <= limit_ms, status
        totals = [status["totalTimeMs"] or 0 for status in self.statuses]
        assert all(one <= two for one, two in pairwise(totals)), totals

    def _assert_times_are_the_servers(self, run_id: str, before: datetime, after: datetime) -> None:
        run = self.stack.get(f"/pedidos/runs/{run_id}")
        names = ("createdAt", "startVIP", "endVIP", "startNormal", "endNormal")
        times = [*(run[name] for name in names), *(phase["at"] for phase in run["phases"])]
        for text in times:
            assert before - SLACK <= datetime.fromisoformat(text) <= after + SLACK, run
        assert run["endVIP"] <= run["startNormal"], "NORMAL began before VIP had ended"
        assert run["runId"][:13] <= f"{_hex_ms(after + SLACK):013}", "named by a wrong clock"


def _hex_ms(at: datetime) -> str:
    """The first 48 bits of an id of that time, as a UUID begins."""
    text = f"{int(at.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}"


def hours_off(stack: Stack, role: str) -> list[set[int]]:
    """How many hours the clock of each process of a role was off, by what it logged."""
    logs = (stack.folder / "logs").glob(f"{role}-*.log")
    return sorted((_hours_off(log) for log in logs), key=len)


def _hours_off(log: Path) -> set[int]:
    found = set()
    for line in log.read_text("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            at = datetime.fromisoformat(json.loads(line)["timestamp"])
            found.add(round((at - datetime.now(UTC)).total_seconds() / 3600))
    return found


def assert_nothing_expires(stack: Stack, run_id: str) -> None:
    """A new leader's retention, which is a day by a clock that is a day ahead, removes nothing."""
    holder, _pid = until(lambda: leader(stack))
    stack.kill("orchestrator")
    until(lambda: _another_leads(stack, holder))
    stack.await_ready()
    later = stack.start(100)
    # a leader looks for receipts in each round of its chores, for what is old in its first
    until(lambda: stack.get(f"/pedidos/runs/{later}")["receipt"])
    run = stack.get(f"/pedidos/runs/{run_id}")
    assert (run["jobsExpired"], run["ordersExpired"]) == (None, None)
    stack.assert_audited(run_id)


def _another_leads(stack: Stack, holder: str) -> bool:
    found = leader(stack)
    return found is not None and found[0] != holder


@pytest.mark.timeout(180)
def test_a_run_of_processes_with_wrong_clocks_is_right(tmp_path: Path) -> None:
    with wrong_clocks(tmp_path) as (stack, _mode, _environ):
        watched = Watched(stack)
        run_id = watched.run_to_its_end(seed=1)
        assert watched.rings > 0
        assert hours_off(stack, "orchestrator") == [{25}]
        assert set.union(*hours_off(stack, "generator")) == {-1, 1}
        *steady, jumping = hours_off(stack, "worker")
        assert set.union(*steady) == {-1, 1}
        assert len(jumping) > 1
        lines = stack.get("/pedidos/logs", lines=10_000)["lines"]
        assert {line["service"] for line in lines} >= {"orchestrator", "worker", "generator"}
        assert_nothing_expires(stack, run_id)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_leaders_whose_clocks_differ_by_a_day_take_over_from_each_other(tmp_path: Path) -> None:
    with wrong_clocks(tmp_path) as (stack, mode, environ), Twin(stack, environ) as twin:
        twin.await_ready()
        runs = []
        for seed in range(1, 5):
            handlers.switch(mode, "failing", 0.05)
            runs.append(stack.start(QUANTITY, seed))
            for phase in ("ENQUEUE_VIP", "ENQUEUE_NORMAL"):
                stack.await_phase(phase, "DONE")
                end_leader(stack, twin)
            handlers.switch(mode, "failing", 0.0)
            stack.await_phase("DONE")
            stack.assert_audited(runs[-1])
            assert stack.get("/pedidos")["lastRunId"] == runs[-1]
        listed = [run["runId"] for run in stack.get("/pedidos/runs", limit=10)["items"]]
        assert listed == runs[::-1], "not newest first"


def end_leader(stack: Stack, twin: Twin) -> None:
    """`kill -9` of the orchestrator that leads; returns once both are there again."""
    holder, pid = until(lambda: leader(stack))
    if pid == twin.pid:
        twin.end(signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)
    until(lambda: _another_leads(stack, holder))
    stack.await_ready()
    twin.await_ready()
