"""Whether a job's scope still wants work, asked once in a while instead of once a job."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

SHARED_SECONDS = 1.0


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
        self._asking: dict[str, tuple[asyncio.Task[bool], float]] = {}

    async def is_open(self, scope: str | None) -> bool:
        """Whether jobs of this scope may run; a job without scope always may."""
        if scope is None:
            return True
        now = time.monotonic()
        if now < self._open_until.get(scope, 0.0):
            return True
        return await asyncio.shield(self._question(scope, now))

    def _question(self, scope: str, now: float) -> asyncio.Task[bool]:
        """Many jobs begin in the same moment: one question stands for all, unless it hangs."""
        asking, asked_at = self._asking.get(scope, (None, -math.inf))
        if asking is None or now - asked_at > SHARED_SECONDS:
            asking = asyncio.ensure_future(self._found_open(scope))
            asking.add_done_callback(lambda task: self._answered(scope, task))
            self._asking[scope] = (asking, now)
        return asking

    def _answered(self, scope: str, task: asyncio.Task[bool]) -> None:
        if self._asking.get(scope, (None,))[0] is task:
            del self._asking[scope]
        if not task.cancelled():
            task.exception()  # whoever waited has it; asyncio would complain where nobody does

    async def _found_open(self, scope: str) -> bool:
        asked_at = time.monotonic()
        self._open_until = {s: until for s, until in self._open_until.items() if until > asked_at}
        if not await self._ask(scope):
            return False
        self._open_until[scope] = asked_at + self._remember_seconds
        return True
