"""One broadcaster of the status for all who watch it.

It reads only while somebody watches, at most four times a second, woken by the engine's
calls and otherwise once a second. A watcher that is slow misses states, never the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import structlog

from pedidos_common.ports import STATUS_TOPIC, Events
from pedidos_orchestrator.problems import ProblemError

SHORTEST_GAP_SECONDS = 0.25
LONGEST_GAP_SECONDS = 1.0

_log = structlog.get_logger()


class BroadcastEnded(Exception):
    """The process shuts down, and the stream with it."""


class Mailbox:
    """Room for one state; a newer one takes the place of one that was not taken in time."""

    def __init__(self) -> None:
        self._state: bytes | None = None
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, state: bytes) -> None:
        """Leave the newest state."""
        self._state = state
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._changed.set()

    async def take(self, timeout_seconds: float) -> bytes | None:
        """The newest state not taken yet, or None when none comes in time.

        Raises:
            BroadcastEnded: when none will come any more.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        if self._ended:
            raise BroadcastEnded
        self._changed.clear()
        state, self._state = self._state, None
        return state


class StatusBroadcast:
    """Reads the status once for all watchers, and hands each new state to all of them."""

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], events: Events, max_watchers: int
    ) -> None:
        self._read = read
        self._events = events
        self._max_watchers = max_watchers
        self._mailboxes: set[Mailbox] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._latest: bytes | None = None
        self._ended = False

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._mailboxes)

    @contextmanager
    def watch(self) -> Iterator[Mailbox]:
        """A mailbox that holds the present state at once, and gets every change.

        Raises:
            ProblemError: 503, when too many watch already or the process shuts down.
        """
        if self._ended or self.watchers >= self._max_watchers:
            raise ProblemError(
                503,
                f"{self.watchers} clients watch already: poll GET /pedidos, or try again later",
                headers={"retry-after": "5"},
            )
        mailbox = Mailbox()
        self._join(mailbox)
        try:
            yield mailbox
        finally:
            self._leave(mailbox)

    def _join(self, mailbox: Mailbox) -> None:
        self._mailboxes.add(mailbox)
        if self._latest is not None:
            mailbox.put(self._latest)
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._follow(), name="status-broadcast"),
                asyncio.create_task(self._hear(), name="status-calls"),
            ]

    def _leave(self, mailbox: Mailbox) -> None:
        self._mailboxes.discard(mailbox)
        if not self._mailboxes:
            self._rest()

    def _rest(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks, self._latest = [], None

    def end(self) -> None:
        """End every stream; call it when shutdown begins, before connections are waited for."""
        self._ended = True
        for mailbox in self._mailboxes:
            mailbox.end()
        self._rest()

    async def _follow(self) -> None:
        while True:
            self._woken.clear()
            try:
                self._hand_out(await self._read())
            except Exception:  # noqa: BLE001 - whatever it was, watchers get the next state
                _log.warning("status_broadcast_failed", exc_info=True)
            await asyncio.sleep(SHORTEST_GAP_SECONDS)
            with suppress(TimeoutError):
                rest = LONGEST_GAP_SECONDS - SHORTEST_GAP_SECONDS
                await asyncio.wait_for(self._woken.wait(), rest)

    def _hand_out(self, state: bytes) -> None:
        if state == self._latest:
            return
        self._latest = state
        for mailbox in self._mailboxes:
            mailbox.put(state)

    async def _hear(self) -> None:
        while True:
            try:
                async for _ in self._events.listen(STATUS_TOPIC):
                    self._woken.set()
            except Exception:  # noqa: BLE001 - without calls the state is read once a second
                _log.warning("status_calls_failed", exc_info=True)
            await asyncio.sleep(LONGEST_GAP_SECONDS)
