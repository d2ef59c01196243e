"""Signs that a process works: when each of its parts last turned, and when it last wrote.

An event loop that turns says little: a receiver or an engine can hang in it while it answers
probes. So each part that repeats something notes every turn, and is missed when it is silent for
too long. A part that waits for a server which is away turns all the same, as every such wait is
bounded: a process is not restarted because MongoDB is down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SILENT_SECONDS = 60.0
# as long as a socket's timeout
MONGODB_CALL_SECONDS = 60.0
Turned = Callable[[], None]


def ignore_turn() -> None:
    """For a part that nobody watches."""


@dataclass(slots=True)
class _Part:
    turned_at: float
    may_be_silent: float


class LifeSigns:
    """What the parts of one process note. Every method is safe from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._parts: dict[str, _Part] = {}
        self._wrote_at: float | None = None

    def part(self, name: str, *, mongodb_calls: int = 0) -> Turned:
        """Expect a part from now on; what it calls with each turn.

        It may be silent for `SILENT_SECONDS`, and longer where its turns wait for calls of MongoDB.
        """
        limit = SILENT_SECONDS + mongodb_calls * MONGODB_CALL_SECONDS
        part = self._parts[name] = _Part(self._monotonic(), limit)

        def turned() -> None:
            part.turned_at = self._monotonic()

        return turned

    def stuck(self, beyond: float = 0.0) -> Sequence[str]:
        """The parts that have not turned for so many seconds more than they may."""
        now = self._monotonic()
        return [
            name
            for name, part in list(self._parts.items())
            if now - part.turned_at > part.may_be_silent + beyond
        ]

    def wrote(self) -> None:
        """MongoDB has acknowledged a write of this process; also when it begins to write."""
        self._wrote_at = self._monotonic()

    def seconds_since_write(self) -> float:
        """How long ago that was; 0 as long as this process has not begun to write."""
        return 0.0 if self._wrote_at is None else self._monotonic() - self._wrote_at
