"""What is asked for in the same moment goes in one call, and no call holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from pedidos_common.adapters import grouping
from pedidos_common.adapters.grouping import MOST_AT_ONCE, Grouped
from pedidos_common.domain.errors import Unavailable


class Server:
    """Doubles numbers; keeps each call that it was asked in."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def double(self, numbers: Sequence[int]) -> Sequence[int]:
        self.calls.append(list(numbers))
        if 0 in numbers:
            raise RuntimeError("no zeros")
        if 13 in numbers:
            self.hangs.clear()
            await self.hangs.wait()
        return [2 * number for number in numbers]


async def test_what_is_asked_at_once_goes_in_one_call_and_each_gets_its_own() -> None:
    server = Server()
    grouped = Grouped(server.double)
    assert await asyncio.gather(*(grouped.ask(n) for n in range(1, 6))) == [2, 4, 6, 8, 10]
    assert server.calls == [[1, 2, 3, 4, 5]]


async def test_no_call_is_larger_than_it_may_be() -> None:
    server = Server()
    grouped = Grouped(server.double)
    await asyncio.gather(*(grouped.ask(n) for n in range(100, 100 + 2 * MOST_AT_ONCE + 1)))
    assert [len(call) for call in server.calls] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def test_an_error_is_raised_to_those_of_its_call_alone() -> None:
    server = Server()
    grouped = Grouped(server.double)
    failed = await asyncio.gather(grouped.ask(0), grouped.ask(1), return_exceptions=True)
    assert [str(error) for error in failed] == ["no zeros", "no zeros"]
    assert await grouped.ask(2) == 4


async def test_a_call_that_hangs_holds_up_nobody_else() -> None:
    server = Server()
    grouped = Grouped(server.double)
    hanging = asyncio.create_task(grouped.ask(13))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        assert await grouped.ask(4) == 8
    assert not hanging.done()
    server.hangs.set()
    assert await hanging == 26


async def test_whoever_stops_waiting_takes_nothing_from_the_others() -> None:
    server = Server()
    grouped = Grouped(server.double)
    first = asyncio.create_task(grouped.ask(13))
    second = asyncio.create_task(grouped.ask(2))
    await asyncio.sleep(0.02)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.hangs.set()
    assert await second == 4


async def test_an_answer_that_is_late_is_waited_for_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grouping, "LATE_SECONDS", 0.05)
    server = Server()
    grouped = Grouped(server.double)
    late = await asyncio.gather(grouped.ask(13), grouped.ask(2), return_exceptions=True)
    assert [type(error) for error in late] == [Unavailable, Unavailable]
    assert await grouped.ask(4) == 8
    server.hangs.set()


async def test_an_answer_that_is_an_exception_is_raised_to_its_own_asker() -> None:
    async def odd_ones_fail(numbers: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError(str(n)) if n % 2 else n for n in numbers]

    grouped = Grouped(odd_ones_fail)
    told = await asyncio.gather(*(grouped.ask(n) for n in (1, 2)), return_exceptions=True)
    assert repr(told) == repr([ValueError("1"), 2])
