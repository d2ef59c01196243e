"""Gathered log lines in memory."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from pedidos_common.ports import LogLine


class InMemoryLogGathering:
    """Log lines in a bounded queue."""

    def __init__(self, bound: int = 10_000) -> None:
        self._lines: deque[LogLine] = deque(maxlen=bound)

    async def append(self, lines: Sequence[LogLine]) -> None:
        """See `ports.LogGathering.append`."""
        self._lines.extend(lines)

    def add(self, service: str, level: str, event: str) -> None:
        """Keep one line as a service would have written it."""
        fields = {"service": service, "level": level, "event": event}
        self._lines.append(LogLine(service, level, json.dumps(fields)))

    async def newest(
        self, limit: int, level: str | None = None, service: str | None = None
    ) -> Sequence[str]:
        """See `ports.LogGathering.newest`."""
        found = [
            line.text
            for line in self._lines
            if level in {None, line.level} and service in {None, line.service}
        ]
        return found[max(0, len(found) - limit) :]

    async def clear(self) -> None:
        """See `ports.LogGathering.clear`."""
        self._lines.clear()
