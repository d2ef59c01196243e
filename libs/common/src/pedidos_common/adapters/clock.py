"""The only reader of this machine's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present time in UTC. No service asks: what it keeps or decides by is the server's time."""
    return datetime.now(UTC)
