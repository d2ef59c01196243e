"""A stack on a three-node replica set whose primary dies, hands over, or loses its majority."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, NewJob
from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack, until
from tests.faults.recovery import running_jobs
from tests.faults.replica_set import ReplicaSet, acknowledges, documents
from tests.faults.test_kill_nine import RECOVERY_SECONDS, settled

SLOW_SECONDS = 0.3
LOST_SECONDS = 20.0
PROBE = "probe"
GOES_ON_SECONDS = 30.0


@dataclass
class Shop:
    """A stack with a slow handler, on a replica set of its own."""

    stack: Stack
    replica_set: ReplicaSet
    mode: Path

    def await_progress(self) -> None:
        """More orders have become final than when this was called."""
        seen = until(lambda: (self.stack.processed(),), GOES_ON_SECONDS)[0]
        until(lambda: self.stack.processed() > seen, GOES_ON_SECONDS)
        assert self.stack.phase() != "DONE", "the run was too short for this test"

    def end(self, run_id: str, quantity: int, seconds: float) -> None:
        """Let the handler be fast; the run ends well, with every order."""
        handlers.switch(self.mode)
        self.stack.await_phase("DONE", seconds=seconds)
        self.stack.assert_audited(run_id)
        assert self.stack.database.orders.count_documents({"status": "processado"}) == quantity
        assert_stops_cleanly(self.stack)


Tell = Callable[[str, Sequence[float]], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Puts how long recoveries took among what the tests counted."""

    def told(fault: str, seconds: Sequence[float]) -> None:
        worst = f"{fault:<42}{len(seconds):>4} times, worst recovery {max(seconds):.1f} s"
        record_property(COUNTED, worst)

    return told


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=SLOW_SECONDS)
    environ = {
        **handlers.SLOWED,
        handlers.VARIABLE: str(mode),
        "GENERATION_CHUNK_SIZE": "200",
    }
    with ReplicaSet(tmp_path / "replica_set") as replica_set:
        where = ("--mongo-uri", replica_set.uri)
        with running_stack(tmp_path / "stack", environ, options=where) as stack:
            yield Shop(stack, replica_set, mode)


def seconds_to_settle(shop: Shop, held: list[str]) -> float:
    """How long from now until the jobs that were running before a fault have succeeded."""
    from_now = time.monotonic()
    until(lambda: settled(shop.stack, held), 60)
    return time.monotonic() - from_now


def kill_primaries(shop: Shop, quantity: int, times: int) -> list[float]:
    """Kill the primary so often in one run that ends well; the seconds to recover from each."""
    run_id = shop.stack.start(quantity, seed=21)
    recovered: list[float] = []
    for _ in range(times):
        held = until(lambda: running_jobs(shop.stack, queue="orders"), GOES_ON_SECONDS)
        victim = shop.replica_set.kill_primary()
        recovered.append(seconds_to_settle(shop, held))
        victim.start()
        until(shop.replica_set.is_whole, 60)
        assert shop.stack.phase() != "DONE", "the run was too short for this test"
    shop.end(run_id, quantity, 300)
    return recovered


@pytest.mark.timeout(180)
def test_nothing_is_lost_when_the_primary_is_killed_three_times(shop: Shop, tell: Tell) -> None:
    recovered = kill_primaries(shop, 8_000, times=3)
    tell("replica set, primary kill -9", recovered)
    assert max(recovered) <= RECOVERY_SECONDS, recovered


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_primary_that_hangs_is_left_for_the_one_that_is_elected(shop: Shop, tell: Tell) -> None:
    run_id = shop.stack.start(8_000, seed=24)
    held = until(lambda: running_jobs(shop.stack, queue="orders"), GOES_ON_SECONDS)
    hung = shop.replica_set.primary()
    hung.pause()
    elected = shop.replica_set.primary()
    elected_at = time.monotonic()
    until(lambda: acknowledges(elected), 60)
    back_at = time.monotonic()
    done = {"_id": {"$in": held}, "status": "succeeded"}
    until(lambda: len(documents(elected, "jobs", done)) == len(held), 90)
    recovered = time.monotonic() - back_at
    hung.go_on()
    until(shop.replica_set.is_whole, 60)
    tell(
        f"replica set, primary hangs (a majority {back_at - elected_at:.1f} s after the election)",
        [recovered],
    )
    assert recovered <= RECOVERY_SECONDS
    shop.end(run_id, 8_000, 120)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_when_the_primary_is_killed_ten_times(shop: Shop, tell: Tell) -> None:
    recovered = kill_primaries(shop, 60_000, times=10)
    tell("replica set, primary kill -9", recovered)
    assert max(recovered) <= RECOVERY_SECONDS, recovered


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_goes_through_a_hand_over_every_few_seconds(shop: Shop) -> None:
    run_id = shop.stack.start(20_000, seed=22)
    for _ in range(8):
        shop.await_progress()
        shop.replica_set.step_down(seconds=2)
        until(shop.replica_set.is_whole, 60)
    shop.end(run_id, 20_000, 120)


@dataclass
class Acknowledged:
    """Jobs that a writer of its own creates, one after another, as the product does."""

    uri: str
    at: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write from a thread meanwhile."""
        thread = threading.Thread(target=lambda: asyncio.run(self._write()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(60)

    async def _write(self) -> None:
        client = connect(self.uri, "acknowledged")
        ledger = MongoJobLedger(durable(client, PROBE), 10.0)
        try:
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                await self._create(ledger, f"job-{number:07}")
                await asyncio.sleep(0.005)
        finally:
            await client.close()

    async def _create(self, ledger: MongoJobLedger, job_id: str) -> None:
        try:
            await ledger.create([NewJob(job_id, "f", "q", Band.HIGH, {})])
        except Unavailable:
            self.failed += 1
        else:
            self.at[job_id] = time.monotonic()

    def between(self, start: float, end: float) -> list[str]:
        """The jobs whose write was acknowledged in that time."""
        return [job_id for job_id, at in self.at.items() if start < at < end]

    def lost(self, stack: Stack) -> set[str]:
        """Those acknowledged that are not there."""
        stored = stack.database.client[PROBE].jobs.distinct("_id")
        return self.at.keys() - set(stored)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("with_primary", [False, True])
def test_no_write_is_acknowledged_without_a_majority_and_the_run_goes_on_after(
    shop: Shop, tell: Tell, *, with_primary: bool
) -> None:
    run_id = shop.stack.start(12_000, seed=23)
    writer = Acknowledged(shop.replica_set.uri)
    with writer.writing():
        shop.await_progress()
        until(lambda: writer.at, 30)
        with shop.replica_set.majority_lost(with_primary=with_primary):
            lost_at = time.monotonic()
            # what was on its way has arrived
            settled = lost_at + 1.0
            until(lambda: time.monotonic() > lost_at + LOST_SECONDS, LOST_SECONDS + 5)
            assert writer.between(settled, time.monotonic()) == []
        back_at = time.monotonic()
        shop.await_progress()
        tell("replica set, majority away for 20 s", [time.monotonic() - back_at])
        until(lambda: writer.between(back_at, time.monotonic()), GOES_ON_SECONDS)
    until(shop.replica_set.is_whole, 60)
    assert writer.failed, "the writer met no fault"
    assert writer.lost(shop.stack) == set()
    shop.end(run_id, 12_000, 120)
