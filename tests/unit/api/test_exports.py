"""Exports: beside everything else, a few at once, with their receipt."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from pedidos_common.domain.orders import Tier
from pedidos_common.domain.runs import Run
from pedidos_common.ports import OrderRecord
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from pedidos_orchestrator.views import order_view
from tests.unit.api.world import Client, World


class HeldOrders(InMemoryOrderStore):
    """Gives a run's orders only once it is let go."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.let_go = asyncio.Event()
        self.reading = 0

    async def export(self, run_id: UUID) -> AsyncIterator[OrderRecord]:
        self.reading += 1
        await self.let_go.wait()
        async for record in super().export(run_id):
            yield record


@pytest.fixture
async def run(world: World, client: Client) -> Run:
    started = await world.started(client)
    await world.with_orders(started, [Tier.DIAMANTE, Tier.OURO])
    return started


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_pieces_are_made_beside_the_event_loop(
    client: Client, run: Run, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_in: set[int] = set()

    def noting(record: OrderRecord) -> dict[str, Any]:
        made_in.add(threading.get_ident())
        return order_view(record)

    monkeypatch.setattr("pedidos_orchestrator.export.order_view", noting)
    answer = await client.get(f"/pedidos/runs/{run.scope}/export?format={form}")
    assert answer.status_code == 200
    assert made_in
    assert threading.get_ident() not in made_in


async def test_a_third_export_at_once_is_told_to_come_back(world: World) -> None:
    held = HeldOrders(world)
    world.orders = held
    world.deps = replace(world.deps, orders=held)
    async with world.client_of(world.app()) as client:
        run = await world.started(client)
        path = f"/pedidos/runs/{run.scope}/export"
        first = [asyncio.create_task(client.get(path)) for _ in range(2)]
        await eventually(lambda: held.reading == 2)
        third = await client.get(path)
        assert third.status_code == 503
        assert third.headers["retry-after"]
        assert "2 exports" in third.json()["detail"]
        held.let_go.set()
        assert [answer.status_code for answer in await asyncio.gather(*first)] == [200, 200]
        assert (await client.get(path)).status_code == 200


async def test_an_export_whose_client_left_makes_room(world: World) -> None:
    held = HeldOrders(world)
    world.deps = replace(world.deps, orders=held)
    async with world.client_of(world.app()) as client:
        run = await world.started(client)
        path = f"/pedidos/runs/{run.scope}/export"
        left = [asyncio.create_task(client.get(path)) for _ in range(2)]
        await eventually(lambda: held.reading == 2)
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        held.let_go.set()
        assert (await client.get(path)).status_code == 200
