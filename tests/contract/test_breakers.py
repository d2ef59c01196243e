"""Every set of circuit breakers keeps the same promises; two processes share them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from pedidos_common.adapters.redis.breakers import RedisBreakers
from pedidos_common.adapters.redis.client import connect
from pedidos_common.domain.breakers import Admitted, BreakerPolicy, BreakerState, Paused
from pedidos_common.ports import Breakers
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_breakers import InMemoryBreakers

POLICY = BreakerPolicy(failures=3, pause_seconds=0.3, trial_seconds=0.4)
NAME = "payment"


@dataclass
class Lab:
    """The breakers as two processes have them, and how time passes."""

    one: Breakers
    other: Breakers
    sleep: Callable[[float], Awaitable[None]]

    async def fail(self, times: int = POLICY.failures) -> list[bool]:
        """Calls of `one` that are not answered; whether each opened it."""
        told = []
        for _ in range(times):
            admitted = await self.one.admit(NAME)
            assert isinstance(admitted, Admitted)
            told.append(await self.one.failed(NAME, admitted))
        return told

    async def trial(self, breakers: Breakers) -> Admitted:
        """The trial, as soon as there may be one."""

        async def admitted() -> Admitted | None:
            found = await breakers.admit(NAME)
            if isinstance(found, Paused):
                await self.sleep(0.02)
                return None
            return found if found.trial else None

        found = await eventually(admitted)
        assert found is not None
        return found


@pytest.fixture(params=["in_memory", "redis"])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    if request.param == "in_memory":
        clock = ManualClock()

        async def move(seconds: float) -> None:
            clock.advance(seconds)

        shared = InMemoryBreakers(POLICY, clock)
        yield Lab(shared, shared, move)
        return
    url, prefix = request.getfixturevalue("redis_url"), request.getfixturevalue("redis_prefix")
    clients = [connect(url), connect(url)]
    one, other = (RedisBreakers(client, prefix, POLICY) for client in clients)
    yield Lab(one, other, asyncio.sleep)
    for client in clients:
        await client.aclose()


async def test_so_many_failures_on_end_open_it_for_all_and_one_of_them_says_so(lab: Lab) -> None:
    assert await lab.fail() == [False, False, True]
    assert lab.one.state(NAME) is BreakerState.OPEN
    for each in (lab.one, lab.other):
        found = await each.admit(NAME)
        assert isinstance(found, Paused)
        assert 0 < found.seconds <= POLICY.pause_seconds
        assert isinstance(await each.admit("email"), Admitted)


async def test_an_answer_between_them_begins_the_count_anew(lab: Lab) -> None:
    await lab.fail(2)
    admitted = await lab.other.admit(NAME)
    assert isinstance(admitted, Admitted)
    await lab.other.succeeded(NAME, admitted)
    assert await lab.fail(3) == [False, False, True]


async def test_look_ups_that_go_well_hide_no_calls_that_fail(lab: Lab) -> None:
    opened = []
    for _ in range(POLICY.failures):
        opened += await lab.fail(1)
        look = await lab.one.admit(NAME)
        if isinstance(look, Admitted):
            await lab.one.succeeded(NAME, look, look_up=True)
    assert opened == [False, False, True]
    trial = await lab.trial(lab.one)
    await lab.one.succeeded(NAME, trial, look_up=True)
    assert lab.one.state(NAME) is BreakerState.CLOSED
    assert await lab.fail(1) == [True]  # nothing but look-ups went well since


async def test_look_ups_that_fail_now_and_then_open_nothing(lab: Lab) -> None:
    for _ in range(2 * POLICY.failures):
        for tell in (lab.one.failed, lab.one.succeeded):
            admitted = await lab.one.admit(NAME)
            assert isinstance(admitted, Admitted)
            await tell(NAME, admitted, look_up=True)
    assert lab.one.state(NAME) is BreakerState.CLOSED


async def test_after_the_pause_one_trial_goes_through_and_its_success_closes_it(lab: Lab) -> None:
    await lab.fail()
    trial = await lab.trial(lab.one)
    assert isinstance(await lab.other.admit(NAME), Paused)
    assert lab.one.state(NAME) is BreakerState.HALF_OPEN
    await lab.one.succeeded(NAME, trial)
    assert lab.one.state(NAME) is BreakerState.CLOSED

    async def closed() -> bool:
        return await lab.other.admit(NAME) == Admitted()

    await eventually(closed)


async def test_of_many_that_come_at_once_one_makes_the_trial(lab: Lab) -> None:
    await lab.fail()
    await lab.other.admit(NAME)  # knows of it
    await lab.sleep(POLICY.pause_seconds)
    await asyncio.sleep(0)
    asked = [lab.one.admit(NAME) for _ in range(10)] + [lab.other.admit(NAME) for _ in range(10)]
    found = await asyncio.gather(*asked)
    assert sum(isinstance(each, Admitted) for each in found) == 1


async def test_a_trial_that_fails_opens_it_anew(lab: Lab) -> None:
    await lab.fail()
    trial = await lab.trial(lab.other)
    assert await lab.other.failed(NAME, trial) is True
    assert isinstance(await lab.other.admit(NAME), Paused)
    assert lab.other.state(NAME) is BreakerState.OPEN


async def test_a_trial_that_nobody_tells_of_is_replaced(lab: Lab) -> None:
    await lab.fail()
    dead = await lab.trial(lab.one)
    await lab.sleep(POLICY.trial_seconds)
    late = await lab.trial(lab.other)
    assert late.trial != dead.trial
    await lab.one.succeeded(NAME, dead)  # it was not dead: it decides nothing any more
    assert lab.one.state(NAME) is not BreakerState.CLOSED
    await lab.other.succeeded(NAME, late)
    assert lab.other.state(NAME) is BreakerState.CLOSED


async def test_calls_of_before_it_opened_change_nothing(lab: Lab) -> None:
    early = await lab.other.admit(NAME)
    assert isinstance(early, Admitted)
    await lab.fail()
    await lab.other.succeeded(NAME, early)
    assert await lab.other.failed(NAME, early) is False
    assert isinstance(await lab.one.admit(NAME), Paused)
