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
    """Makes calls side by side, each with `timeout_seconds`, and never waits for one that stays.

    A call that is too late is cancelled and has a moment to clean up. One that goes on all the
    same is abandoned: it holds no slot, and a process that has `MAX_ABANDONED` of them ends
    itself by `on_too_many`, as whatever they hold on to grows with them.
    """

    def __init__(
        self, timeout_seconds: float, on_too_many: Callable[[], None] = end_process
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._on_too_many = on_too_many
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def answers(self, calls: Sequence[Call]) -> list[Any]:
        """What each call returned, or the exception that it raised or that ended it."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        late: Collection[asyncio.Task[Any]] = tasks
        try:
            late = await self._late(tasks)
        finally:
            self._cancel(late)
        if late:
            await asyncio.wait(late, timeout=CLEAN_UP_SECONDS)
            self._abandon([task for task in late if not task.done()])
        return [self._answer(task, task in late) for task in tasks]

    async def _late(self, tasks: Sequence[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
        """The calls that are not over in time, not counting what a blocked event loop took."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout_seconds
        _, late = await asyncio.wait(tasks, timeout=self._timeout_seconds)
        held_up = loop.time() - until
        if late and held_up > self._timeout_seconds / 10:
            _, late = await asyncio.wait(late, timeout=held_up)
        return late

    def _cancel(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
            task.add_done_callback(_look_at)

    def _abandon(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        if not tasks:
            return
        for task in tasks:
            self._abandoned.add(task)
            task.add_done_callback(self._abandoned.discard)
        log.error("handler_calls_abandoned", count=len(tasks), now=len(self._abandoned))
        if len(self._abandoned) >= MAX_ABANDONED:
            self._on_too_many()

    def _answer(self, task: asyncio.Task[Any], is_late: bool) -> Any:
        if is_late:
            return TimeoutError(f"the handler took longer than {self._timeout_seconds:g} s")
        if task.cancelled():
            return CallCancelled("something that the handler waited for was cancelled")
        error = task.exception()
        return task.result() if error is None else error


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of how a call ended that nobody waits for: asyncio would complain otherwise."""
    if not task.cancelled():
        task.exception()
