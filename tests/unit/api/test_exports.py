"""Exports: beside everything else, a few at once, with their receipt."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from pedidos_common.domain.orders import Order, OrderStatus, Priority, Tier
from pedidos_common.domain.runs import Run
from pedidos_common.ports import OrderRecord
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from pedidos_orchestrator.use_cases.export import COLUMNS, ExportFormat, piece
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

    monkeypatch.setattr("pedidos_orchestrator.use_cases.export.order_view", noting)
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


async def test_an_export_comes_with_its_receipt(world: World, client: Client, run: Run) -> None:
    path = f"/pedidos/runs/{run.scope}"
    early = (await client.get(f"{path}/export")).headers
    receipt = {"accepted": 10, "generated": 2, "processed": 1, "failed": 1, "pending": 0}
    await world.ended(run, receipt={**receipt, "balanced": True})
    late = (await client.get(f"{path}/export")).headers
    assert early["link"] == late["link"] == f'<{path}/receipt>; rel="describedby"'
    assert "x-receipt-processed" not in early
    assert [late[f"x-receipt-{name}"] for name in receipt] == ["10", "2", "1", "1", "0"]
    assert late["x-receipt-balanced"] == "true"


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil")']


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    rows = csv_rows(text)
    assert [rows[0][name] for name in ("cliente", "observacoes", "error", "externalId")] == [
        f"'{text}"
    ] * 4
    assert rows[0]["valor"] == "-12.30", "amounts are numbers, and stay so"


@pytest.mark.parametrize("text", ["Ana", "", "a=b", "'=1", "1-2", " =1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert csv_rows(text)[0]["cliente"] == text


@pytest.mark.parametrize("text", FORMULAS)
def test_ndjson_holds_texts_as_they_are(text: str) -> None:
    assert json.loads(piece(ExportFormat.NDJSON, [_record(text)]))["cliente"] == text


def csv_rows(text: str) -> list[dict[str, str]]:
    """An order with this text in every field that takes one, through the CSV and back."""
    written = piece(ExportFormat.CSV, [_record(text)]).decode()
    return list(csv.DictReader(io.StringIO(written, newline=""), COLUMNS))


def _record(text: str) -> OrderRecord:
    order = Order(
        id=UUID("01934f1e-7c00-8a1b-8c3d-4e0000000001"),
        cliente=text,
        valor=Decimal("-12.30"),
        tier=Tier.OURO,
        priority=Priority.NORMAL,
        created_at=datetime(2025, 1, 2, tzinfo=UTC),
        external_id=text,
    )
    return OrderRecord(order, OrderStatus.FALHOU, observacoes=text, error=text)
