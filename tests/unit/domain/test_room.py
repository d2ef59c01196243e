"""When a server counts as nearly full."""

from __future__ import annotations

import pytest

from pedidos_common.domain.room import Room, Store

GIGABYTE = 10**9


@pytest.mark.parametrize(
    ("room", "nearly_full"),
    [
        (Room(Store.REDIS_MEMORY, 80, 100), False),
        (Room(Store.REDIS_MEMORY, 81, 100), True),
        (Room(Store.MONGO_DISK, 90 * GIGABYTE, 100 * GIGABYTE), False),
        (Room(Store.MONGO_DISK, 91 * GIGABYTE, 100 * GIGABYTE), True),
        # 90 GB are left
        (Room(Store.MONGO_DISK, 910 * GIGABYTE, 1_000 * GIGABYTE), False),
        (Room(Store.MONGO_DISK, 0, 0), False),
    ],
)
def test_nearly_full(room: Room, *, nearly_full: bool) -> None:
    assert room.nearly_full is nearly_full


def test_advice_says_how_full_and_what_to_do() -> None:
    said = Room(Store.MONGO_DISK, 95 * GIGABYTE, 100 * GIGABYTE).advice()
    assert "95 % full (5000 MB of 100000 MB left)" in said
    assert "make room" in said
