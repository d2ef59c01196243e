"""However large a run, the work that is open at once is bounded, and so is Redis' backlog."""

from __future__ import annotations

import pytest

from pedidos_common.domain.orders import Priority
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.runs import Run
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.background import engine_settings_of
from tests.unit.orchestrator.world import World
from tests.world.ending import ended_well

LIMITS = Limits(chunks=3, vip_orders=12, normal_groups=2)
GROUP = 6


async def open_orders(world: World, run: Run, priority: Priority) -> int:
    """How many orders the batches hold that are not final."""
    jobs = [job for job in await world.jobs(run) if job.payload.get("priority") == priority]
    return sum(
        job.payload["last"] - job.payload["first"] + 1 for job in jobs if job.settled_at is None
    )


@pytest.mark.parametrize(
    ("vip_share", "priority", "most"),
    [
        (1.0, Priority.VIP, LIMITS.vip_orders),
        (0.0, Priority.NORMAL, LIMITS.normal_groups * GROUP),
    ],
)
async def test_open_orders_stay_within_the_limit_of_their_priority(
    vip_share: float, priority: Priority, most: int
) -> None:
    world = World(vip_share=vip_share, limits=LIMITS)
    run = await world.start(quantity=240, chunk=24, batch=3, group=GROUP)
    seen = []
    while (await world.run(run)).active:
        for _ in range(5):  # the engine is quicker than the workers
            await world.seat.step()
        seen.append(await open_orders(world, run, priority))
        await world.turn()
    await ended_well(world, run)
    assert max(seen) == most


@pytest.mark.parametrize(
    ("group_orders", "batch_orders", "orders"),
    [(10_000, 1_000, 200_000), (10_000, 1, 40_000), (1_000, 100, 20_000), (1_000_000, 1_000, 4e6)],
)
def test_open_batches_outlast_the_change_of_a_leader_and_small_ones_do_not_fill_redis(
    group_orders: int, batch_orders: int, orders: int
) -> None:
    settings = OrchestratorSettings(
        normal_enqueue_batch_size=group_orders, orders_batch_size=batch_orders
    )
    limits = engine_settings_of(settings).limits
    assert limits.normal_groups * group_orders == limits.vip_orders == orders
