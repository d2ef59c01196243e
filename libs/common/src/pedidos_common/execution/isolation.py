"""Run one job alone in this process, while the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Isolation:
    """Many jobs side by side, or one alone; whoever wants to be alone goes before newcomers.

    Nothing is awaited on the way out, so that a cancel at any moment leaves the counts right.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._side_by_side = 0
        self._alone = False

    @property
    def wanted(self) -> bool:
        """Whether one is alone or waits for it: newcomers would only wait."""
        return self._alone

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Run beside others; waits while one is alone or wants to be."""
        await self._until(lambda: not self._alone)
        self._side_by_side += 1
        try:
            yield
        finally:
            self._side_by_side -= 1
            self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run when nothing else does."""
        await self._until(lambda: not self._alone)
        self._alone = True
        try:
            await self._until(lambda: not self._side_by_side)
            yield
        finally:
            self._alone = False
            self._tell()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._changed.wait()

    def _tell(self) -> None:
        waiters, self._changed = self._changed, asyncio.Event()
        waiters.set()
