"""Looks at how full the servers are: a metric always, a warning while one is nearly full."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from prometheus_client import CollectorRegistry, Gauge

from pedidos_common.domain.room import Room

log = structlog.get_logger(__name__)
LOOK_SECONDS = 10.0
WARN_SECONDS = 60.0
Look = Callable[[], Awaitable[Sequence[Room]]]


class RoomWatch:
    """One look after the other; a store is warned of at once, then once in `WARN_SECONDS`."""

    def __init__(
        self,
        look: Look,
        registry: CollectorRegistry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._monotonic = look, monotonic
        self._warned_at: dict[str, float] = {}
        self._share = Gauge(
            "pedidos_store_used_ratio",
            "How full Redis' memory and MongoDB's disk are, from 0 to 1.",
            ["store"],
            registry=registry,
        )

    async def look(self) -> None:
        """See how full the stores are that tell it."""
        for room in await self._look():
            self._share.labels(room.store.value).set(room.share)
            if room.nearly_full:
                self._warn(room)

    def _warn(self, room: Room) -> None:
        now = self._monotonic()
        if now - self._warned_at.get(room.store, float("-inf")) < WARN_SECONDS:
            return
        self._warned_at[room.store] = now
        log.warning(
            "store_nearly_full",
            store=room.store.value,
            usedBytes=room.used_bytes,
            totalBytes=room.total_bytes,
            message=room.advice(),
        )
