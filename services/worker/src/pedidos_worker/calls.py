"""Call a shop's code: bounded in time, whatever it does with its cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

import structlog

from pedidos_common.execution.heartbeat import end_process

log = structlog.get_logger(__name__)
CLEAN_UP_SECONDS = 1.0
MAX_ABANDONED = 1_000

Call = Coroutine[Any, Any, Any]


class CallCancelled(Exception):
    """Something that a handler waited for was cancelled, and took the handler's call with it."""


class Calls:
    """Makes calls side by side, each with a time limit, and never waits for one that stays.

    A call that is too late is cancelled and has a moment to clean up. One that goes on all the
    same is abandoned: it holds no slot, and a process that has `MAX_ABANDONED` of them ends
    itself by `on_too_many`, as whatever they hold on to grows with them.
    """

    def __init__(self, on_too_many: Callable[[], None] = end_process) -> None:
        self._on_too_many = on_too_many
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def answers(self, calls: Sequence[Call], timeout_seconds: float) -> list[Any]:
        """What each call returned, or the exception that it raised or that ended it."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        late: Collection[asyncio.Task[Any]] = tasks
        try:
            late = await _late_of(tasks, timeout_seconds)
        finally:
            _cancel(late)
        if late:
            await asyncio.wait(late, timeout=CLEAN_UP_SECONDS)
            self._abandon([task for task in late if not task.done()])
        too_late = TimeoutError(f"the handler took longer than {timeout_seconds:g} s")
        return [too_late if task in late else _answer_of(task) for task in tasks]

    def _abandon(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        if not tasks:
            return
        for task in tasks:
            self._abandoned.add(task)
            task.add_done_callback(self._abandoned.discard)
        log.error("handler_calls_abandoned", count=len(tasks), now=len(self._abandoned))
        if len(self._abandoned) >= MAX_ABANDONED:
            self._on_too_many()


async def _late_of(
    tasks: Sequence[asyncio.Task[Any]], timeout_seconds: float
) -> set[asyncio.Task[Any]]:
    """The calls that are not over in time, not counting what a blocked event loop took."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_seconds
    _, late = await asyncio.wait(tasks, timeout=timeout_seconds)
    held_up = loop.time() - until
    if late and held_up > timeout_seconds / 10:
        _, late = await asyncio.wait(late, timeout=held_up)
    return late


def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
        task.add_done_callback(_look_at)


def _answer_of(task: asyncio.Task[Any]) -> Any:
    if task.cancelled():
        return CallCancelled("something that the handler waited for was cancelled")
    error = task.exception()
    return task.result() if error is None else error


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of how a call ended that nobody waits for: asyncio would complain otherwise."""
    if not task.cancelled():
        task.exception()
