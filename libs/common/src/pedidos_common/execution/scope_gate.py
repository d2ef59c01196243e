"""Whether a job's scope still wants work, asked once in a while instead of once a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class ScopeGate:
    """Remembers a yes for a moment; a no is asked again each time, so a resume is seen at once.

    A cancel is seen after `remember_seconds` at the latest.
    """

    def __init__(
        self, is_open: Callable[[str], Awaitable[bool]], remember_seconds: float = 0.25
    ) -> None:
        self._ask = is_open
        self._remember_seconds = remember_seconds
        self._open_until: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}

    async def is_open(self, scope: str | None) -> bool:
        """Whether jobs of this scope may run; a job without scope always may."""
        if scope is None:
            return True
        now = time.monotonic()
        if now < self._open_until.get(scope, 0.0):
            return True
        # many jobs begin in the same moment: one question stands for all of them
        asking = self._asking.get(scope)
        if asking is None:
            asking = self._asking[scope] = asyncio.ensure_future(self._found_open(scope))
            asking.add_done_callback(lambda _task: self._asking.pop(scope, None))
        return await asyncio.shield(asking)

    async def _found_open(self, scope: str) -> bool:
        asked_at = time.monotonic()
        self._open_until = {s: until for s, until in self._open_until.items() if until > asked_at}
        if not await self._ask(scope):
            return False
        self._open_until[scope] = asked_at + self._remember_seconds
        return True
