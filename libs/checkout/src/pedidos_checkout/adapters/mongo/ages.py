"""Cursors of pages that go by age: when what came last was created, and its id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_of(created_at: datetime | None, an_id: str) -> str:
    """The cursor behind one that was read."""
    assert created_at is not None  # noqa: S101 - it was read
    return f"{(created_at - EPOCH) // timedelta(milliseconds=1)}.{an_id}"


def place_of(cursor: str) -> tuple[datetime, str]:
    """When the one was created that a cursor is behind, and its id.

    Raises:
        ValueError: for a cursor that no page gave.
    """
    since, _, an_id = cursor.partition(".")
    if not (since.isdecimal() and an_id):
        raise ValueError(f"{cursor[:100]!r} is no page's cursor")
    return EPOCH + timedelta(milliseconds=int(since)), an_id
