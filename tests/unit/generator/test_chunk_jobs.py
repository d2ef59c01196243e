"""The two chunk jobs, with orders kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pedidos_common.domain.generation import TIERS, DrawnOrders, UnknownGeneratorVersion
from pedidos_common.domain.ids import OrderRange, new_run_id, order_id
from pedidos_common.domain.jobs import Band, Failed, Job, JobStatus, Succeeded
from pedidos_common.domain.orders import Order, Tier, priority_of
from pedidos_common.execution.registry import JobFunction
from pedidos_common.ports import ImportReport, ImportRow, OrderFilter
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.held_context import HeldContext
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore, PlainChunk
from pedidos_generator.chunks import SLICE_ORDERS, ChunkIncomplete
from pedidos_generator.generate import generate_chunk
from pedidos_generator.import_rows import import_chunk

RUN = new_run_id(1_764_000_000_000, 5)
CREATED = datetime(2026, 1, 2, tzinfo=UTC)


class PlainEncoder:
    """Makes plain orders, so that a test can look at them."""

    def drawn(
        self, orders: OrderRange, drawn: DrawnOrders, created_at: datetime
    ) -> Sequence[Order]:
        return [
            self._order(orders, place, f"name {name}", amount, TIERS[tier], created_at)
            for place, (tier, name, amount) in enumerate(
                zip(drawn.tiers, drawn.names, drawn.amounts, strict=True)
            )
        ]

    def imported(
        self, orders: OrderRange, rows: Sequence[ImportRow], created_at: datetime
    ) -> Sequence[Order]:
        return [
            self._order(
                orders, place, row.cliente, row.valor_cents, Tier(row.tier or ""), created_at
            )
            for place, row in enumerate(rows)
        ]

    def _order(
        self, orders: OrderRange, place: int, name: str, cents: int, tier: Tier, at: datetime
    ) -> Order:
        return Order(
            id=order_id(orders.run_id, orders.first + place),
            cliente=name,
            valor=Decimal(cents).scaleb(-2),
            tier=tier,
            priority=priority_of(tier),
            created_at=at,
        )

    def chunk(self, orders: OrderRange, vip: int, documents: Sequence[Any]) -> PlainChunk:
        chunk = PlainChunk(orders, documents)
        assert chunk.vip == vip
        return chunk


class LosingStore(InMemoryOrderStore):
    """A store that forgets some of what it is given."""

    async def insert_chunk(self, orders: PlainChunk, redelivered: bool) -> int:
        return await super().insert_chunk(orders, redelivered) - 1


def chunk_job(first: int, last: int, **payload: Any) -> Job:
    held = {"runId": str(RUN), "index": 0, "first": first, "last": last, "seed": 9}
    return Job(
        id=f"{RUN}:chunk:000000",
        function="orders.generate_chunk",
        queue="generation",
        band=Band.NORMAL,
        payload={**held, "generatorVersion": 1, **payload},
        status=JobStatus.RUNNING,
        created_at=CREATED,
        deliveries=1,
    )


async def all_orders(store: InMemoryOrderStore) -> list[Order]:
    page = await store.page(OrderFilter(), limit=100_000, cursor=None)
    return [record.order for record in page.items]


@pytest.fixture
def store() -> InMemoryOrderStore:
    return InMemoryOrderStore(ManualClock())


@pytest.fixture
def generate(store: InMemoryOrderStore) -> JobFunction:
    return generate_chunk(store, PlainEncoder())


async def test_a_chunk_is_written_with_its_vip_orders_first(
    store: InMemoryOrderStore, generate: JobFunction
) -> None:
    outcome = await generate.perform(chunk_job(101, 400), HeldContext())
    orders = await all_orders(store)
    vip = sum(order.priority == "VIP" for order in orders)
    assert outcome == Succeeded({"vip": vip, "normal": 300 - vip, "duplicates": 0})
    assert [order.id for order in orders] == [order_id(RUN, s) for s in range(101, 401)]
    assert [order.priority for order in orders] == ["VIP"] * vip + ["NORMAL"] * (300 - vip)
    assert {order.created_at for order in orders} == {CREATED}


async def test_writing_it_again_changes_nothing(
    store: InMemoryOrderStore, generate: JobFunction
) -> None:
    first = await generate.perform(chunk_job(1, 200), HeldContext())
    orders = await all_orders(store)
    assert await generate.perform(chunk_job(1, 200), HeldContext()) == first
    assert await all_orders(store) == orders


async def test_a_chunk_that_is_not_all_there_is_an_error() -> None:
    function = generate_chunk(LosingStore(ManualClock()), PlainEncoder())
    with pytest.raises(ChunkIncomplete, match="199 orders are stored of a chunk of 200"):
        await function.perform(chunk_job(1, 200), HeldContext())


async def test_a_version_of_another_release_is_an_error(generate: JobFunction) -> None:
    with pytest.raises(UnknownGeneratorVersion):
        await generate.perform(chunk_job(1, 10, generatorVersion=2), HeldContext())


async def test_giving_up_fails_with_the_reason(generate: JobFunction) -> None:
    outcome = await generate.give_up(chunk_job(1, 10), HeldContext(), "its worker was lost 5 times")
    assert outcome == Failed("its worker was lost 5 times")
    assert generate.deadline_seconds(chunk_job(1, 10)) == 120.0


async def test_other_tasks_get_their_turn_while_a_chunk_is_encoded(
    generate: JobFunction,
) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await generate.perform(chunk_job(1, 4 * SLICE_ORDERS), HeldContext())
    counting.cancel()
    assert turns >= 4


async def staged(tiers: Sequence[str | None]) -> InMemoryImportStore:
    imports = InMemoryImportStore()
    await imports.begin("i1", "file.csv")
    rows = [ImportRow(n, f"c{n}", 100 * n, tier) for n, tier in enumerate(tiers, 2)]
    await imports.append("i1", rows)
    if None in tiers:
        await imports.rank_customers("i1")
    report = ImportReport("i1", "", 0, len(tiers), len(tiers), 0)
    await imports.finish(report, chunk_size=100)
    return imports


async def test_import_lays_vip_rows_first_in_the_order_of_the_file(
    store: InMemoryOrderStore,
) -> None:
    imports = await staged(["OURO", "DIAMANTE", "BRONZE", "DIAMANTE", "PRATA"])
    function = import_chunk(store, imports, PlainEncoder())
    outcome = await function.perform(chunk_job(1, 5, importId="i1"), HeldContext())
    assert outcome == Succeeded({"vip": 2, "normal": 3, "duplicates": 0})
    assert [order.cliente for order in await all_orders(store)] == ["c3", "c5", "c2", "c4", "c6"]


async def test_import_takes_its_own_stretch_of_rows(store: InMemoryOrderStore) -> None:
    imports = await staged([None] * 10)
    function = import_chunk(store, imports, PlainEncoder())
    outcome = await function.perform(chunk_job(6, 10, importId="i1"), HeldContext())
    orders = await all_orders(store)
    # the biggest spender is the last one: position 0 of 10 is DIAMANTE
    assert outcome == Succeeded({"vip": 1, "normal": 4, "duplicates": 0})
    assert [order.cliente for order in orders] == ["c11", "c7", "c8", "c9", "c10"]
    assert orders[0].id == order_id(RUN, 6)


class DuplicateStore(InMemoryOrderStore):
    """A store that drops one VIP order, as a unique external id does."""

    async def insert_chunk(self, orders: PlainChunk, redelivered: bool) -> int:
        held = PlainChunk(orders.range, [orders.orders[0], *orders.orders[2:]])
        return await super().insert_chunk(held, redelivered)


async def test_rows_that_were_taken_meanwhile_are_counted_as_duplicates() -> None:
    imports = await staged(["DIAMANTE", "DIAMANTE", "BRONZE"])
    function = import_chunk(DuplicateStore(ManualClock()), imports, PlainEncoder())
    outcome = await function.perform(chunk_job(1, 3, importId="i1"), HeldContext())
    expected = {"vip": 2, "normal": 1, "duplicates": 1, "duplicatesVip": 1}
    assert outcome == Succeeded(expected)
