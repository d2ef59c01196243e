"""The only reader of this machine's clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present time in UTC. Only for names and signatures: kept times are the server's."""
    return datetime.now(UTC)
