"""Run one job alone in this process, while the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Isolation:
    """Many jobs side by side, or one alone; whoever wants to be alone goes before newcomers."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._side_by_side = 0
        self._alone = 0

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Run beside others; waits while one is alone or wants to be."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._side_by_side += 1
        try:
            yield
        finally:
            async with self._changed:
                self._side_by_side -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Run when nothing else does."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._alone = 1
            try:
                await self._changed.wait_for(lambda: not self._side_by_side)
            except BaseException:
                self._alone = 0
                self._changed.notify_all()
                raise
        try:
            yield
        finally:
            async with self._changed:
                self._alone = 0
                self._changed.notify_all()
