"""Calls of a provider: bounded in time and number, and none while its breaker is open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pedidos_checkout.adapters import guarded
from pedidos_checkout.adapters.guarded import Bulkhead, BulkheadFull, Guard, Outcome
from pedidos_checkout.ports import (
    ProviderLimited,
    ProviderPaused,
    ProviderRefused,
    ProviderUnavailable,
)
from pedidos_checkout.settings import CheckoutSettings
from pedidos_checkout.steps.deferral import deferred
from pedidos_checkout.steps.stepping import DEADLINE_SECONDS
from pedidos_common.domain.breakers import BreakerPolicy, BreakerState
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_breakers import InMemoryBreakers

POLICY = BreakerPolicy(failures=2, pause_seconds=60.0)
NAME = "payment"
CALLS_OF_A_STEP = 3  # as many as a capture makes, each behind a wait for a place that is as long
UNAVAILABLE = ProviderUnavailable(NAME, "capture", "503")


class Told:
    """`CallWatch` that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.sent, self.most, self.opens = 0, (0, 0), 0
        self.standing = (0, 0)

    def ended(self, operation: str, outcome: Outcome, seconds: float | None) -> None:
        self.outcomes.append(outcome.value)
        self.sent += seconds is not None

    def stands(self, in_flight: int, waiting: int) -> None:
        self.standing = (in_flight, waiting)
        self.most = (max(self.most[0], in_flight), max(self.most[1], waiting))

    def opened(self) -> None:
        self.opens += 1


class Lab:
    def __init__(self, places: int = 2, timeout_seconds: float = 5.0) -> None:
        self.clock, self.told = ManualClock(), Told()
        self.breakers = InMemoryBreakers(POLICY, self.clock)
        bulkhead = Bulkhead(NAME, places, 8, timeout_seconds)
        self.guard = Guard(NAME, self.breakers, bulkhead, timeout_seconds, self.told)

    async def call(self, error: Exception | None = None) -> str:
        async def answer() -> str:
            if error is not None:
                raise error
            return "done"

        return await self.guard("capture", answer)

    async def fails(self, error: Exception) -> None:
        with pytest.raises(type(error)):
            await self.call(error)

    def state(self) -> BreakerState:
        return self.breakers.state(NAME)


async def test_a_failing_provider_is_left_alone_and_tried_again() -> None:
    lab = Lab()
    await lab.fails(UNAVAILABLE)
    await lab.fails(UNAVAILABLE)
    assert lab.told.opens == 1
    with pytest.raises(ProviderPaused) as paused:
        await lab.call()
    assert 60.0 <= paused.value.retry_after_seconds <= 72.0
    put_off = deferred(paused.value)
    assert (put_off.counts, put_off.deferred) == (False, True)
    assert put_off.delay_seconds == paused.value.retry_after_seconds
    lab.clock.advance(60.0)
    assert await lab.call() == "done"
    assert lab.state() is BreakerState.CLOSED
    assert lab.told.outcomes == ["unavailable", "unavailable", "paused", "answered"]
    assert lab.told.sent == 3


async def test_not_all_come_back_at_the_same_time() -> None:
    lab = Lab()
    await lab.fails(UNAVAILABLE)
    await lab.fails(UNAVAILABLE)
    waits = set()
    for _ in range(5):
        with pytest.raises(ProviderPaused) as paused:
            await lab.call()
        waits.add(paused.value.retry_after_seconds)
    assert len(waits) == 5


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ProviderRefused(NAME, "card_declined", "no"), "refused"),
        (ProviderPaused(NAME, 1.0, "it is under way there"), "busy"),
        (ProviderUnavailable(NAME, "send", "450", blames_provider=False), "put_off"),
    ],
)
async def test_an_answer_is_no_failure(error: Exception, outcome: str) -> None:
    lab = Lab()
    for _ in range(5):
        await lab.fails(UNAVAILABLE)
        await lab.fails(error)
    assert lab.state() is BreakerState.CLOSED
    assert lab.told.outcomes[-1] == outcome


async def test_a_provider_that_answers_look_ups_alone_is_left_alone() -> None:
    lab = Lab()

    async def look() -> str:
        return "found"

    await lab.fails(UNAVAILABLE)
    await lab.guard("lookup", look)
    await lab.fails(UNAVAILABLE)
    assert lab.state() is BreakerState.OPEN


async def test_being_asked_for_fewer_calls_is_a_failure() -> None:
    lab = Lab()
    for _ in range(2):
        await lab.fails(ProviderLimited(NAME, 7.0))
    assert lab.state() is BreakerState.OPEN


async def test_an_error_of_ours_says_nothing_of_the_provider() -> None:
    lab = Lab()
    await lab.fails(UNAVAILABLE)
    for _ in range(3):
        await lab.fails(KeyError("a bug"))
    assert lab.state() is BreakerState.CLOSED
    await lab.fails(UNAVAILABLE)
    assert lab.state() is BreakerState.OPEN


async def test_no_answer_in_time_is_a_failure() -> None:
    lab = Lab(timeout_seconds=0.02)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable, match="PROVIDER_TIMEOUT_MS"):
            await lab.guard("capture", asyncio.Event().wait)
    assert lab.state() is BreakerState.OPEN


@pytest.mark.parametrize(
    ("long_part", "state", "outcome"),
    [(0.0, BreakerState.OPEN, "unavailable"), (0.5, BreakerState.CLOSED, "broken")],
)
async def test_a_call_that_is_ended_for_its_step_is_a_failure_once_it_took_long(
    long_part: float, state: BreakerState, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "LONG_PART", long_part)
    lab = Lab()
    for _ in range(2):
        (call,) = await start(lambda: lab.guard("capture", asyncio.Event().wait), 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (lab.state(), lab.told.outcomes) == (state, [outcome] * 2)


def test_a_call_ends_before_its_step_does() -> None:
    longest = CheckoutSettings.model_json_schema()["properties"]["provider_timeout_ms"]["maximum"]
    assert 2 * CALLS_OF_A_STEP * longest / 1_000 <= DEADLINE_SECONDS


async def start(call: Callable[[], Awaitable[object]], times: int) -> list[asyncio.Task[object]]:
    tasks = [asyncio.ensure_future(call()) for _ in range(times)]
    await asyncio.sleep(0)
    return tasks


async def test_so_many_go_at_once_some_wait_and_the_rest_is_deferred() -> None:
    lab, go = Lab(places=2), asyncio.Event()
    tasks = await start(lambda: lab.guard("capture", go.wait), 2 + 8)
    await eventually(lambda: lab.told.standing == (2, 8))
    with pytest.raises(BulkheadFull, match="PROVIDER_CONCURRENCY") as full:
        await lab.call()
    assert 0 < full.value.retry_after_seconds < 3.0
    go.set()
    assert await asyncio.gather(*tasks) == [True] * 10
    assert lab.told.most == (2, 8)
    assert lab.told.standing == (0, 0)
    assert lab.state() is BreakerState.CLOSED
    assert lab.told.outcomes[0] == "full"


async def test_nobody_waits_for_ever_for_a_place() -> None:
    told = Told()
    bulkhead = Bulkhead(NAME, 1, 1, 0.02)
    guard = Guard(NAME, InMemoryBreakers(POLICY, ManualClock()), bulkhead, 5.0, told)
    go = asyncio.Event()
    (first,) = await start(lambda: guard("capture", go.wait), 1)
    with pytest.raises(BulkheadFull):
        await guard("capture", go.wait)
    go.set()
    await first
    assert told.standing == (0, 0)


async def test_a_place_is_free_again_after_a_cancelled_call() -> None:
    lab = Lab(places=1)
    tasks = await start(lambda: lab.guard("capture", asyncio.Event().wait), 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await lab.call() == "done"
    assert lab.state() is BreakerState.CLOSED
