"""Loops that outlive their failures."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from pedidos_common.runtime.supervise import end_other_tasks, running, stop_on_signals, supervised
from pedidos_common.testing.eventually import eventually


class Body:
    """A loop's body that fails while it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing = False

    async def __call__(self) -> None:
        self.calls += 1
        if self.failing:
            raise RuntimeError("on purpose")


async def test_a_loop_goes_on_after_failures_and_counts_them() -> None:
    body, failed = Body(), list[str]()
    body.failing = True
    async with running({"sweep": supervised("sweep", body, 0.001, failed=failed.append)}):
        await eventually(lambda: body.calls >= 3)
        body.failing = False
        calls = body.calls
        await eventually(lambda: body.calls > calls + 3)
    assert failed == ["sweep"] * len(failed)
    assert len(failed) >= 3
    calls = body.calls
    await asyncio.sleep(0.01)
    assert body.calls == calls


async def test_a_wake_up_ends_the_pause() -> None:
    body, wake = Body(), asyncio.Event()
    async with running({"step": supervised("step", body, 60, wake=wake)}):
        await eventually(lambda: body.calls == 1)
        wake.set()
        await eventually(lambda: body.calls == 2)
        assert not wake.is_set()


async def test_a_cancellation_that_gets_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `asyncio.wait_for` of Python 3.11 loses one that comes together with a result."""
    monkeypatch.setattr("pedidos_common.runtime.supervise.CANCEL_AGAIN_SECONDS", 0.01)
    lost: list[int] = []

    async def loses_two() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost.append(1)
                if len(lost) > 2:
                    raise

    async with asyncio.timeout(10):
        async with running({"loop": loses_two()}):
            await asyncio.sleep(0)
    assert len(lost) == 3


async def test_a_loop_that_ends_by_itself_does_not_take_others_along() -> None:
    body = Body()

    async def broken() -> None:
        raise RuntimeError("on purpose")

    async with running({"broken": broken(), "well": supervised("well", body, 0.001)}):
        await eventually(lambda: body.calls > 3)


async def test_signals_set_the_event_once_and_for_all() -> None:
    stop = stop_on_signals()
    try:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)
        assert stop.is_set()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


async def test_what_will_not_end_is_counted_and_not_waited_for() -> None:
    go_on = asyncio.Event()

    async def stubborn() -> None:
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(3600))]
    await asyncio.sleep(0)
    assert await end_other_tasks(0.05) == 1
    go_on.set()
    await asyncio.wait(tasks)
    assert await end_other_tasks(0.05) == 0
