"""Whether a job's scope still wants work, asked once in a while instead of once a job."""

from __future__ import annotations

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

    async def is_open(self, scope: str | None) -> bool:
        """Whether jobs of this scope may run; a job without scope always may."""
        if scope is None:
            return True
        now = time.monotonic()
        if now < self._open_until.get(scope, 0.0):
            return True
        self._open_until = {s: until for s, until in self._open_until.items() if until > now}
        if not await self._ask(scope):
            return False
        self._open_until[scope] = now + self._remember_seconds
        return True
