"""What time it is, and how it is written."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """This machine's time, in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def iso(at: datetime) -> str:
    """ISO 8601 to the millisecond, with a Z for UTC."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
