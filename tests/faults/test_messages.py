"""Rings that come twice, in reverse, hours late, astray or not at all: they only ever wake."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis

from pedidos_common.domain.jobs import Band
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import batch_job_id
from pedidos_common.ports import Bell
from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, running_stack, until
from tests.faults.hooks import messages
from tests.faults.hooks.messages import COPY, Messages
from tests.faults.hooks.wrapping import hooked
from tests.faults.recovery import rung_jobs, running_jobs, settled
from tests.faults.rings import NAMES, Recorder, Ring, await_taken, broken, put, ring_of

QUANTITY = 2_000
CHUNKS = 8
RECOVERY_SECONDS = 15.0
SLOW = 0.05
HELD_SECONDS = 1.0  # no VIP batch ends meanwhile


@dataclass
class Shop:
    """A stack whose messages and handler a test switches; `server` is its Redis."""

    stack: Stack
    server: redis.Redis
    url: str
    mode: Path
    messages: Path

    def slow(self, seconds: float = SLOW) -> None:
        """How long the handler takes for an order."""
        handlers.switch(self.mode, seconds=seconds)

    def deliver(self, how: Messages) -> None:
        """From now on."""
        messages.switch(self.messages, how)

    def end(self, run_id: str, seconds: float = 60.0) -> None:
        """The run ends well, every order once, and no job counted anything as failed or lost."""
        self.slow(0.0)
        self.stack.await_phase("DONE", seconds=seconds)
        self.stack.assert_audited(run_id)
        assert self.stack.get(f"/pedidos/runs/{run_id}")["totalFailedNormal"] == 0
        wrong = {"$or": [{"attempts": {"$gt": 0}}, {"lost": {"$gt": 0}}]}
        assert list(self.stack.database.jobs.find(wrong)) == []

    def jobs(self) -> list[dict[str, Any]]:
        """Every job as it is stored."""
        return list(self.stack.database.jobs.find().sort("_id", 1))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("messages")
    mode, rings = folder / "mode.json", folder / "messages.txt"
    handlers.switch(mode)
    messages.switch(rings, Messages.WELL)
    environ = {
        **handlers.SLOWED,
        handlers.VARIABLE: str(mode),
        messages.VARIABLE: str(rings),
        "GENERATION_CHUNK_SIZE": str(QUANTITY // CHUNKS),
        "ORDERS_BATCH_SIZE": "50",
    }
    with running_stack(folder / "stack", hooked(messages.misbehave, environ=environ)) as stack:
        url = str(stack.document()["redis_url"])
        with contextlib.closing(redis.Redis.from_url(url, socket_timeout=10)) as server:
            yield Shop(stack, server, url, mode, rings)


@pytest.fixture
def shop(running: Shop) -> Iterator[Shop]:
    """Idle and empty, with messages and a handler that do well."""
    running.slow(0.0)
    running.deliver(Messages.WELL)
    running.stack.reset()
    yield running
    running.deliver(Messages.WELL)


def play(shop: Shop, how: Messages, seed: int) -> str:
    """A whole run whose messages arrive so."""
    shop.deliver(how)
    run_id = shop.stack.start(QUANTITY, seed=seed)
    shop.end(run_id)
    return run_id


@pytest.mark.timeout(120)
def test_every_message_twice_does_nothing_twice(shop: Shop) -> None:
    recorder = Recorder()
    with recorder.listening(shop.url):
        play(shop, Messages.TWICE, seed=31)
    rung = [one.member.rpartition(":")[2] for one in recorder.rings]
    copies = [number for number in rung if int(number) > COPY]
    assert len(copies) * 2 >= len(rung) > 2 * CHUNKS
    assert {job["deliveries"] for job in shop.jobs()} == {1}


def early_normal_rings(run_id: str) -> list[Ring]:
    """Rings of batches that are not to exist before the last VIP order is done, before all else."""
    places = itertools.product(range(CHUNKS), range(3))
    ids = [batch_job_id(run_id, Priority.NORMAL, *place) for place in places]
    rings = [ring_of(Bell(job_id, "orders", Band.NORMAL, 1)) for job_id in ids]
    return [replace(ring, score=-1e15) for ring in rings]


def of_normal_orders(run_id: str) -> dict[str, Any]:
    """The query of the run's NORMAL batches."""
    return {"scope": run_id, "payload.priority": "NORMAL"}


@pytest.mark.timeout(120)
def test_strict_priority_holds_though_rings_come_in_reverse(shop: Shop) -> None:
    recorder = Recorder()
    shop.deliver(Messages.REVERSED)
    shop.slow(HELD_SECONDS)
    with recorder.listening(shop.url):
        run_id = shop.stack.start(QUANTITY, seed=32)
        until(lambda: running_jobs(shop.stack, queue="orders"))
        early = early_normal_rings(run_id)
        put(shop.server, early)
        until(lambda: not shop.server.zrangebyscore(early[0].queue_key, "-inf", -1e14))
        assert shop.stack.database.jobs.count_documents(of_normal_orders(run_id)) == 0
        shop.end(run_id)
    ours = [ring.score for ring in recorder.rings if ring.score > -1e14]
    assert len(ours) > CHUNKS
    assert max(ours) < 0


@pytest.mark.timeout(120)
def test_a_message_to_a_worker_of_another_queue_finds_the_right_one(shop: Shop) -> None:
    play(shop, Messages.MISROUTED, seed=33)
    # handed back by one that does not know it, but for those that were rung again before that
    assert any(job["deliveries"] > 1 for job in shop.jobs())
    assert shop.stack.get("/pedidos/health/queue")["warnings"] == []


def lose_all(shop: Shop, seconds: float) -> float:
    """Lose every message for so long; from then, how long until what waited is settled."""
    shop.deliver(Messages.LOST)
    lost_at = time.monotonic()
    until(lambda: rung_jobs(shop.stack))
    until(lambda: time.monotonic() > lost_at + seconds, seconds + 5)
    waiting = rung_jobs(shop.stack)
    assert waiting
    shop.deliver(Messages.WELL)
    back_at = time.monotonic()
    until(lambda: settled(shop.stack, waiting), 60)
    return time.monotonic() - back_at


@pytest.mark.timeout(120)
def test_work_goes_on_soon_after_every_message_was_lost(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    shop.deliver(Messages.LOST)
    run_id = shop.stack.start(QUANTITY, seed=34)
    recovered = lose_all(shop, 3.0)
    shop.end(run_id)
    record_property(COUNTED, f"every ring lost for 3 s: goes on after {recovered:.1f} s")
    assert recovered <= RECOVERY_SECONDS


def assert_nothing_starts(shop: Shop, rings: Sequence[Ring]) -> None:
    """These rings, delivered now, change no job."""
    before = shop.jobs()
    put(shop.server, rings)
    await_taken(shop.server)
    assert shop.jobs() == before


def nonsense(job_id: str) -> list[Ring]:
    """Rings that can't be read, and such as nobody ever knew the job of."""
    unknown = [f"{job_id}/unknown", "", "$where", "x" * 10_000, "a:b:c:d:e"]
    rings = [ring_of(Bell(name, "orders", Band.HIGH, 1)) for name in unknown]
    return [*rings, *broken("orders", job_id), *broken("generation", job_id)]


@pytest.mark.timeout(180)
def test_messages_that_come_hours_late_start_nothing(shop: Shop) -> None:
    recorder = Recorder()
    with recorder.listening(shop.url):
        first = play(shop, Messages.WELL, seed=35)
    ended = shop.jobs()
    late = [*recorder.rings, *nonsense(ended[-1]["_id"])]
    assert {ring.queue_key for ring in late} >= {NAMES.queue("orders"), NAMES.queue("generation")}
    assert_nothing_starts(shop, late)
    shop.slow()
    second = shop.stack.start(QUANTITY, seed=36)
    until(lambda: running_jobs(shop.stack, queue="orders"))
    put(shop.server, late)
    shop.end(second)
    await_taken(shop.server)
    assert [job for job in shop.jobs() if job["scope"] == first] == ended
    shop.stack.reset()
    assert_nothing_starts(shop, late)
    assert shop.stack.database.orders.count_documents({}) == 0
    assert shop.stack.phase() == "IDLE"


SEEDS = [int(seed) for seed in os.environ.get("SEED", "1,2,3").split(",")]
LONG_QUANTITY = 30_000


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_ends_well_though_messages_misbehave_in_turn(shop: Shop, seed: int) -> None:
    """Each second otherwise, with what rang before put there again."""
    drawn, recorder, changes = Random(seed), Recorder(), 0
    shop.slow(0.2)
    with recorder.listening(shop.url):
        run_id = shop.stack.start(LONG_QUANTITY, seed=seed)
        until(lambda: running_jobs(shop.stack, queue="orders"))
        while shop.stack.phase() != "DONE" and changes < 40:
            shop.deliver(drawn.choice(list(Messages)))
            known = list(recorder.rings)
            put(shop.server, drawn.sample(known, min(len(known), 50)))
            put(shop.server, nonsense(f"{run_id}:vip:000000:00000"))
            changes += 1
            time.sleep(1.0)
        shop.deliver(Messages.WELL)
        shop.end(run_id, 120)
    assert changes > 10, "the run was too short for this test"


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_work_goes_on_soon_after_every_message_was_lost_for_a_minute(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    shop.slow()
    run_id = shop.stack.start(LONG_QUANTITY, seed=37)
    until(lambda: running_jobs(shop.stack, queue="orders"))
    recovered = lose_all(shop, 60.0)
    shop.end(run_id, 120)
    record_property(COUNTED, f"every ring lost for 60 s: goes on after {recovered:.1f} s")
    assert recovered <= RECOVERY_SECONDS
