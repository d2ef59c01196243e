"""A port whose chosen method tells its caller that it failed, before or after it did its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pedidos_common.domain.errors import Unavailable

Moment = Literal["before", "after"]


class Failpoint:
    """Stands in for an adapter; everything but the first `times` calls of `method` is its own.

    `before` is a call that never reached the server; `after` one that was applied while the
    caller was told that it timed out. `failed` counts them.
    """

    def __init__(self, port: object, method: str, moment: Moment, times: int = 2) -> None:
        self._port, self._method, self._moment = port, method, moment
        self._times, self.failed = times, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._failing(found) if name == self._method else found

    def _failing(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def failing(*args: Any, **kwargs: Any) -> Any:
            fails = self.failed < self._times
            self.failed += fails
            result = None if fails and self._moment == "before" else await call(*args, **kwargs)
            if fails:
                raise Unavailable(f"{self._method} timed out ({self._moment} it was applied)")
            return result

        return failing
