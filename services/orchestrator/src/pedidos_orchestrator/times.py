"""Times as clients see them, and the spans between them."""

from __future__ import annotations

from datetime import datetime, timedelta

SPEED_WINDOW_SECONDS = 5.0  # how far back speeds look


def iso(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def iso_to_the_second(at: datetime) -> str:
    """The same of a time that is known to the second only: without milliseconds."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    """From start to end; None while one is missing."""
    if start is None or end is None:
        return None
    return round((end - start) / timedelta(milliseconds=1))
