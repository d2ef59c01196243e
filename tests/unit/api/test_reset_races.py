"""A reset and whatever else happens while it wipes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.orders import Tier
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.testing.eventually import eventually
from tests.unit.api.world import Client, World


class Gate:
    """Holds up the deletion of orders until it is opened."""

    def __init__(self, world: World) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self._delete = world.orders.delete
        world.orders.delete = self._held_up  # type: ignore[method-assign]

    async def _held_up(self, orders: OrderRange | None) -> int:
        self.reached.set()
        await self.opened.wait()
        return await self._delete(orders)


@asynccontextmanager
async def wiping(
    world: World, client: Client, query: str = ""
) -> AsyncIterator[tuple[Gate, asyncio.Task[httpx.Response]]]:
    """A reset in the middle of its wipe; it goes on at the end of the block."""
    run = await world.started(client)
    await world.with_orders(run, [Tier.OURO, Tier.DIAMANTE])
    await world.ended(run, Phase.ABORTED)
    gate = Gate(world)
    reset = asyncio.create_task(client.post(f"/pedidos/reset{query}"))
    await gate.reached.wait()
    yield gate, reset
    gate.opened.set()
    await asyncio.wait([reset])


async def _old(world: World) -> Run:
    return (await world.runs.page(1, None)).items[0]


async def test_nothing_starts_or_is_resumed_while_a_reset_wipes(
    world: World, client: Client
) -> None:
    async with wiping(world, client):
        for path in (
            "/pedidos/generate?quantity=5",
            "/pedidos/reset",
            "/pedidos/reset?force=true",
        ):
            answer = await client.post(path)
            assert answer.status_code == 409, path
            assert answer.json()["type"] == "/problems/reset-active"
            assert "try again in a moment" in answer.json()["detail"]
        content, headers = b"cliente,valor\nAna,10.00\n", {"content-type": "text/csv"}
        answer = await client.post("/pedidos/import", content=content, headers=headers)
        assert answer.status_code == 409
        assert (await client.get("/pedidos")).json()["phase"] == "IDLE"
    assert (await client.post("/pedidos/generate?quantity=5")).status_code == 202


async def test_a_reset_leaves_the_queues_state_to_people(world: World, client: Client) -> None:
    async with wiping(world, client):
        assert await world.queue_state.read() == "running"
        await client.post("/pedidos/queue/pause")
    assert await world.queue_state.read() == "paused"


async def test_a_reset_that_was_killed_stands_in_the_way_for_a_moment_only(
    world: World, client: Client
) -> None:
    await world.runs.hold_for_reset("killed", world.settings.reset_hold_seconds)
    assert (await client.post("/pedidos/generate?quantity=5")).status_code == 409
    world.clock.advance(world.settings.reset_hold_seconds + 1)
    assert (await client.post("/pedidos/reset")).status_code == 200
    assert (await client.post("/pedidos/generate?quantity=5")).status_code == 202


async def test_a_reset_that_fails_lets_go(world: World, client: Client) -> None:
    async def away(_orders: OrderRange | None) -> int:
        raise Unavailable("MongoDB did not answer")

    run = await world.started(client)
    await world.with_orders(run, [Tier.OURO])
    await world.ended(run)
    world.orders.delete = away  # type: ignore[method-assign, assignment]
    assert (await client.post("/pedidos/reset")).status_code == 503
    assert (await client.post("/pedidos/generate?quantity=5")).status_code == 202


async def test_a_long_wipe_renews_its_hold(world: World) -> None:
    renewals = []
    renew = world.runs.renew_reset

    async def counted(owner: str, seconds: float) -> bool:
        renewals.append(await renew(owner, seconds))
        return renewals[-1]

    world.runs.renew_reset = counted  # type: ignore[method-assign]
    app = world.app(reset_hold_seconds=0.15)
    async with world.client_of(app) as client, wiping(world, client) as (_gate, reset):
        await eventually(lambda: len(renewals) >= 5)
        assert renewals[-1]
        assert not reset.done()
    assert (await world.orders.count(OrderRange((await _old(world)).id, 1, 9))).total == 0


@pytest.mark.parametrize("answers", [True, False])
async def test_a_wipe_that_lost_its_hold_stops(world: World, answers: bool) -> None:
    async with world.client_of(world.app(reset_hold_seconds=0.15)) as client:
        async with wiping(world, client) as (_gate, reset):

            async def lost(_owner: str, _seconds: float) -> bool:
                if not answers:
                    raise Unavailable("MongoDB did not answer")
                return False

            world.runs.renew_reset = lost  # type: ignore[method-assign, assignment]
            await eventually(reset.done)
        answer = reset.result()
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/reset-lost"
        old = await _old(world)
        assert (await world.orders.count(OrderRange(old.id, 1, 9))).total == 2


async def test_a_wipe_never_touches_orders_of_a_run_that_starts_meanwhile(
    world: World, client: Client
) -> None:
    async with wiping(world, client) as (gate, reset):
        world.clock.advance(world.settings.reset_hold_seconds + 1)  # its process hangs
        run = await world.started(client)
        ids = await world.with_orders(run, [Tier.OURO, Tier.OURO])
        gate.opened.set()
        await asyncio.wait([reset])
    assert await world.orders.get(ids[0]) is not None
