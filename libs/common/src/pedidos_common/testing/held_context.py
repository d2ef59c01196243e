"""What a running job is told of its surroundings, without any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class HeldContext:
    """A `JobContext` whose lease holds; `fence` is its end on the server's clock."""

    fence: datetime = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    stopping: bool = False

    def ensure_held(self) -> None:
        """It always is."""
