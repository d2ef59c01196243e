"""The watch over how full the servers are."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from pedidos_common.domain.room import Room, Store
from pedidos_orchestrator.engine.room_watch import RoomWatch


async def test_a_store_that_is_nearly_full_is_warned_of_once_a_minute() -> None:
    now, used = [0.0], [50]

    async def look() -> list[Room]:
        return [Room(Store.REDIS_MEMORY, used[0], 100)]

    registry = CollectorRegistry()
    watch = RoomWatch(look, registry, lambda: now[0])
    with capture_logs() as lines:
        await watch.look()
        assert lines == []
        used[0] = 85
        for now[0] in (10.0, 20.0, 69.0):
            await watch.look()
        assert len(lines) == 1
        now[0] = 71.0
        await watch.look()
    assert [line["store"] for line in lines] == ["redis_memory"] * 2
    assert registry.get_sample_value("pedidos_store_used_ratio", {"store": "redis_memory"}) == 0.85
