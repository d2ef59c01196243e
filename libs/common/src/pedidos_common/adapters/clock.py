"""The only reader of this machine's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present time in UTC. No service asks: what it keeps and decides by is the server's."""
    return datetime.now(UTC)
