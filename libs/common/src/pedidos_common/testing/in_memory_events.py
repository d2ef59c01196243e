"""Wake-up calls inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable


def _never(_topic: str) -> bool:
    return False


class InMemoryEvents:
    """Keeps the promises of `ports.Events`; `drops(topic)` decides which calls get lost.

    `published` lists the topic of every call so far.
    """

    def __init__(self, drops: Callable[[str], bool] = _never) -> None:
        self.drops = drops
        self.published: list[str] = []
        self._listeners: dict[str, set[asyncio.Event]] = {}

    async def publish(self, topic: str) -> None:
        """Wake every listener of the topic."""
        self.published.append(topic)
        if not self.drops(topic):
            for called in self._listeners.get(topic, ()):
                called.set()

    async def listen(self, topic: str) -> AsyncIterator[None]:
        """Yield for every call since the last one was taken."""
        called = asyncio.Event()
        self._listeners.setdefault(topic, set()).add(called)
        try:
            while True:
                await called.wait()
                called.clear()
                yield
        finally:
            self._listeners[topic].discard(called)

    async def close(self) -> None:
        """Nothing waits to be sent."""
