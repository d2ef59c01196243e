"""Everything is restarted in turn, as a deploy does, while one run goes on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.counted import COUNTED
from tests.e2e import handlers
from tests.e2e.stack import Stack, assert_stops_cleanly, running_stack, until
from tests.faults.recovery import await_healed
from tests.faults.storm import Act, Event
from tests.faults.strikes import Field, strike
from tests.faults.twin import Twin
from tests.faults.watched_api import WatchedApi
from tests.own_redis import OwnRedis

SLOW = 0.1
# half a lease: what is handed back waits for none
HANDED_BACK_SECONDS = 5.0
RECOVERY_SECONDS = 15.0
ANSWER_SECONDS = 3.0
GENERATOR = Event("generator", Act.TERM)
WORKERS = [Event("worker", Act.TERM, 0), Event("worker", Act.TERM, 1)]
LEADERS = [Event("orchestrator", Act.TERM)] * 2  # the one that leads, then the one that took over
SERVERS = [Event("mongod", Act.TERM), Event("redis", Act.TERM)]
ALL = (GENERATOR, *WORKERS, *LEADERS, *SERVERS)


@dataclass
class Shop:
    """A stack that is restarted part by part.

    `handed_back` has the seconds from each SIGTERM until no job was leased by its victim any
    more, `recovered` those until all of these jobs were settled.
    """

    hurt: Field
    mode: Path
    handed_back: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    recovered: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    jobs: int = 0

    @property
    def stack(self) -> Stack:
        """What is restarted."""
        return self.hurt.stack

    def restart(self, event: Event) -> None:
        """SIGTERM, then wait until others have done what it held, and it is back and ready."""
        before = self._supervised(event)
        wound = strike(self.hurt, event)
        leases = self._leases(wound.jobs) if event in (GENERATOR, *WORKERS) else []
        until(lambda: not self._held(leases), 60)
        self.handed_back[event.role].append(time.monotonic() - wound.struck_at)
        self.jobs += len(wound.jobs)
        self.recovered[event.role].append(await_healed(self.stack, wound) - wound.over_at)
        # until its supervisor sees it end, the stack's document calls it ready
        until(lambda: before is None or self._supervised(event, before) != before, 60)
        self.stack.await_ready()
        self.hurt.twin.await_ready()

    def _supervised(self, event: Event, known: int | None = None) -> int | None:
        """The pid of the victim, where `pedidos up` starts another in its place."""
        if event in SERVERS or (known is None and self._twin_leads(event)):
            return None
        return int(self.stack.processes(event.role)[event.index]["pid"])

    def _twin_leads(self, event: Event) -> bool:
        lease = self.stack.database.leases.find_one({"_id": "engine"}) or {}
        named = str(lease.get("holder")).startswith(self.hurt.twin.name)
        return event.role == "orchestrator" and named

    def _leases(self, jobs: Sequence[str]) -> list[str]:
        query = {"_id": {"$in": list(jobs)}, "status": "running"}
        return [job["lease"]["id"] for job in self.stack.database.jobs.find(query)]

    def _held(self, leases: Sequence[str]) -> int:
        return self.stack.database.jobs.count_documents({"lease.id": {"$in": list(leases)}})

    def assert_nothing_counted(self, run_id: str) -> None:
        """Neither a job nor an order of the run took a restart for a failure."""
        wrong = {"$or": [{count: {"$gt": 0}} for count in ("attempts", "lost", "probes")]}
        assert list(self.stack.database.jobs.find({"scope": run_id, **wrong})) == []
        assert self.stack.database.orders.count_documents({"attempts": {"$ne": 1}}) == 0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    mode = tmp_path / "mode.json"
    handlers.switch(mode, seconds=SLOW)
    environ = {
        **handlers.SLOWED,
        handlers.VARIABLE: str(mode),
        "GENERATION_CHUNK_SIZE": "100",
        "GENERATION_CONCURRENCY": "1",
        # few open batches: how long the others take to be done is no recovery
        "NORMAL_ENQUEUE_BATCH_SIZE": "200",
    }
    with OwnRedis() as redis:
        options = ["--redis-url", redis.url]
        with running_stack(tmp_path / "stack", environ, 2, 2, options) as stack:
            with Twin(stack, environ) as twin:
                twin.await_ready()
                yield Shop(Field(stack, redis, twin), mode)
            assert_stops_cleanly(stack)


def roll(shop: Shop, events: Sequence[Event], quantity: int) -> str:
    """Restart these in turn during one run; what was seen, if all is as promised."""
    twin = shop.hurt.twin._probe.removesuffix("/readyz")
    api = WatchedApi([str(shop.stack.http.base_url), twin])
    with api.watching():
        run_id = shop.stack.start(quantity, seed=41)
        until(lambda: shop.stack.processed() > 0)
        for event in events:
            shop.restart(event)
        assert shop.stack.phase() != "DONE", "the run was too short for this test"
        handlers.switch(shop.mode)
        shop.stack.await_phase("DONE", seconds=120)
    shop.stack.assert_audited(run_id)
    shop.assert_nothing_counted(run_id)
    return _judged(shop, api, len(events))


def _judged(shop: Shop, api: WatchedApi, restarts: int) -> str:
    seen = "\n  ".join(
        (
            f"rolling restart, {restarts} in one run, {shop.jobs} jobs held",
            f"worst s until handed back: {_worst(shop.handed_back)}",
            f"worst s until settled: {_worst(shop.recovered)}",
            (
                f"API: {api.statuses()}, worst s for an answer {api.slowest():.1f}, "
                f"without any {api.longest_silence():.1f}"
            ),
        )
    )
    assert shop.jobs, seen
    late = {role: max(shop.handed_back[role]) for role in ("generator", "worker")}
    assert max(late.values()) <= HANDED_BACK_SECONDS, seen
    assert max(max(found) for found in shop.recovered.values()) <= RECOVERY_SECONDS, seen
    assert api.statuses().keys() <= {200, 503}, seen
    assert max(api.slowest(), api.longest_silence()) <= ANSWER_SECONDS, seen
    return seen


def _worst(seconds: Mapping[str, Sequence[float]]) -> str:
    return ", ".join(f"{role} {max(found):.1f}" for role, found in seconds.items())


@pytest.mark.timeout(240)
def test_everything_is_restarted_in_turn_during_a_run(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, roll(shop, ALL, 15_000))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(600)
def test_everything_is_restarted_in_turn_again_and_again(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    record_property(COUNTED, roll(shop, [*ALL, *[*WORKERS, *LEADERS, *SERVERS] * 4], 100_000))
