"""A leader that can't ring lets another one lead, and nobody does where that would not help."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band
from pedidos_common.ports import Bell, ProcessReport
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.in_memory_controls import InMemoryLeaderLease, InMemoryProcesses
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.engine.giving_way import (
    OLD_SECONDS,
    ONCE_IN_SECONDS,
    STAND_BACK_SECONDS,
    UNANSWERED_SECONDS,
    Doorbell,
    YieldingLease,
)
from pedidos_orchestrator.engine.leader import LEADER_LEASE_SECONDS, TRIES_PER_LEASE

BELL = Bell("a job", "orders", Band.HIGH, 1)
TRY_SECONDS = LEADER_LEASE_SECONDS / TRIES_PER_LEASE
SERVICE = "orchestrator"


class Pair:
    """Two orchestrators with a way to the broker each; `seconds` is the time of both."""

    def __init__(self) -> None:
        self.clock, self.seconds = ManualClock(), 0.0
        self.lease = InMemoryLeaderLease(self.clock)
        self.processes = InMemoryProcesses(self.clock)
        self.ways = {name: InMemoryTransport() for name in ("one", "two")}
        self.bells = {n: Doorbell(way, self.monotonic) for n, way in self.ways.items()}
        self.leases = {
            name: YieldingLease(self.lease, bell, self.processes, SERVICE, self.monotonic)
            for name, bell in self.bells.items()
        }

    def monotonic(self) -> float:
        return self.seconds

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.advance(seconds)

    async def ring(self, name: str) -> None:
        try:
            await self.bells[name].ring([BELL])
        except Unavailable:
            assert self.ways[name].down

    async def turn(self, alive: tuple[str, ...] = ("one", "two")) -> str | None:
        """Those that are alive try to lead, and who does rings; who does."""
        self.pass_time(TRY_SECONDS)
        leader = None
        for name in alive:
            self.processes.seen(ProcessReport(name, SERVICE, "host", 1))
            if await self.leases[name].acquire(name, LEADER_LEASE_SECONDS) is not None:
                leader = name
                await self.ring(name)
        return leader

    async def turns(self, seconds: float, *alive: str) -> list[str | None]:
        """Who led, turn by turn."""
        return [await self.turn(alive or ("one", "two")) for _ in range(int(seconds / TRY_SECONDS))]


def away() -> Unavailable:
    return Unavailable("Redis could not take rings")


async def test_a_leader_that_alone_cannot_ring_is_followed_by_one_that_can() -> None:
    pair = Pair()
    assert await pair.turn() == "one"
    pair.ways["one"].down = away()
    led = await pair.turns(UNANSWERED_SECONDS + 3 * TRY_SECONDS)
    assert led[-1] == "two"
    assert pair.ways["two"].heard
    assert set(await pair.turns(2 * ONCE_IN_SECONDS)) == {"two"}


async def test_a_call_that_hangs_counts_while_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    await pair.turn()

    async def hang(*_args: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(pair.ways["one"], "ring", hang)
    hanging = asyncio.create_task(pair.ring("one"))
    await asyncio.sleep(0)
    pair.pass_time(UNANSWERED_SECONDS + 0.1)
    assert await pair.leases["one"].acquire("one", LEADER_LEASE_SECONDS) is None
    assert await pair.leases["two"].acquire("two", LEADER_LEASE_SECONDS) is not None
    hanging.cancel()


async def test_while_the_broker_is_away_for_all_somebody_leads_most_of_the_time() -> None:
    pair = Pair()
    for way in pair.ways.values():
        way.down = away()
    led = await pair.turns(5 * ONCE_IN_SECONDS)
    assert led.count(None) <= len(led) / 10
    changes = sum(before != after for before, after in pairwise(led))
    assert changes <= 4 * 5


async def test_one_that_is_alone_goes_on_leading() -> None:
    pair = Pair()
    pair.ways["one"].down = away()
    assert set(await pair.turns(ONCE_IN_SECONDS, "one")) == {"one"}


async def test_one_that_gave_way_leads_again_where_nobody_else_does() -> None:
    pair = Pair()
    await pair.turn()
    pair.ways["one"].down = away()
    await pair.turns(UNANSWERED_SECONDS + TRY_SECONDS, "one")
    pair.processes.seen(ProcessReport("two", SERVICE, "host", 2))
    led = await pair.turns(STAND_BACK_SECONDS + 2 * TRY_SECONDS, "one")
    assert None in led
    assert led[-1] == "one"


async def test_a_short_outage_and_an_old_one_are_no_reason() -> None:
    pair = Pair()
    await pair.turn()
    pair.ways["one"].down = away()
    await pair.turns(UNANSWERED_SECONDS - TRY_SECONDS)
    pair.ways["one"].down = None
    await pair.ring("one")
    assert pair.bells["one"].unanswered_seconds() == 0.0
    pair.ways["one"].down = away()
    await pair.ring("one")
    pair.pass_time(OLD_SECONDS + 0.1)
    assert pair.bells["one"].unanswered_seconds() == 0.0
    assert await pair.leases["one"].acquire("one", LEADER_LEASE_SECONDS) is not None


async def test_what_asks_for_nothing_is_no_sign_of_life() -> None:
    pair = Pair()
    pair.ways["one"].down = away()
    await pair.ring("one")
    pair.pass_time(1.0)
    pair.ways["one"].down = None
    await pair.bells["one"].ring([])
    assert not await pair.bells["one"].missing([])
    assert pair.bells["one"].unanswered_seconds() == 1.0
