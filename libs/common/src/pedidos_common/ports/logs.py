"""The newest log lines of all services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogLine:
    """One structured log line of any service, as gathered."""

    service: str
    level: str
    text: str


class LogGathering(Protocol):
    """The newest log lines of all services, bounded."""

    async def append(self, lines: Sequence[LogLine]) -> None:
        """Keep these lines, dropping the oldest beyond the bound."""
        ...

    async def newest(
        self, limit: int, level: str | None = None, service: str | None = None
    ) -> Sequence[str]:
        """The newest `limit` lines that match, oldest first."""
        ...

    async def clear(self) -> None:
        """Forget all lines."""
        ...
