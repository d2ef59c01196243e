"""Every order store keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.ids import OrderRange, new_run_id, order_id, whole_run
from pedidos_common.domain.orders import (
    ERASED,
    OBSERVATION,
    Order,
    OrderFailure,
    OrderStatus,
    Priority,
    StatusCounts,
    Tier,
    priority_of,
)
from pedidos_common.ports import OrderFilter, OrderStore
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from tests.contract.lab import KINDS, Lab, lab_of
from tests.world.chunks import Chunk

RUN = new_run_id(1_735_700_000_000, 7)
LATER = new_run_id(1_735_800_000_000, 7)
CREATED = datetime(2025, 1, 1, 3, 4, 5, 678_000, tzinfo=UTC)
FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
TIERS = [Tier.DIAMANTE, Tier.DIAMANTE, Tier.OURO, Tier.PRATA, Tier.BRONZE, Tier.BRONZE]
WHOLE = OrderRange(RUN, 1, len(TIERS))


def order(number: int, tier: Tier, run_id: UUID = RUN) -> Order:
    return Order(
        id=order_id(run_id, number),
        cliente=f"cliente {number}",
        valor=Decimal("0.10") * number,
        tier=tier,
        priority=priority_of(tier),
        created_at=CREATED,
        external_id="x-1" if number == 1 and run_id == RUN else None,
    )


def chunk(run_id: UUID = RUN) -> Chunk:
    orders = [order(number, tier, run_id) for number, tier in enumerate(TIERS, 1)]
    return Chunk(OrderRange(run_id, 1, len(TIERS)), orders)


def at(*numbers: int) -> list[UUID]:
    return [order_id(RUN, number) for number in numbers]


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with lab_of(request.param, request) as found:
        yield found


@pytest.fixture
async def store(lab: Lab) -> OrderStore:
    found: OrderStore
    if lab.database is not None:
        found = MongoOrderStore(lab.database)
    else:
        assert lab.clock is not None
        found = InMemoryOrderStore(lab.clock)
    assert await found.insert_chunk(chunk(), redelivered=False) == len(TIERS)
    return found


async def _pending(store: OrderStore, orders: OrderRange = WHOLE) -> list[int]:
    return [one.id.int & 0xFF for one in await store.read_pending(orders, 100)]


async def test_what_is_there_keeps_nothing_else_of_a_chunk_out(store: OrderStore) -> None:
    await store.delete(OrderRange(RUN, 2, len(TIERS)))
    assert await store.insert_chunk(chunk(), redelivered=False) == len(TIERS)
    assert await _pending(store) == [1, 2, 3, 4, 5, 6]


async def test_an_order_reads_as_it_was_written(store: OrderStore) -> None:
    record = await store.get(order_id(RUN, 1))
    assert record is not None
    assert record.order == order(1, Tier.DIAMANTE)
    assert (record.status, record.observacoes, record.error) == ("pendente", "", None)
    assert await store.get(order_id(RUN, 99)) is None


@pytest.mark.parametrize("redelivered", [False, True])
async def test_a_chunk_written_twice_is_there_once(store: OrderStore, redelivered: bool) -> None:
    await store.mark_processed(OrderRange(RUN, 1, 2), "feito", FOREVER)
    assert await store.insert_chunk(chunk(), redelivered) == len(TIERS)
    assert await store.count(WHOLE) == StatusCounts(pendente=4, processado=2)


async def test_a_chunk_half_written_is_completed(store: OrderStore) -> None:
    await store.delete(OrderRange(RUN, 3, 5))
    assert await store.insert_chunk(chunk(), redelivered=True) == len(TIERS)


async def test_a_chunk_written_by_two_at_once_is_there_once(store: OrderStore) -> None:
    await store.delete(None)
    await asyncio.gather(*(store.insert_chunk(chunk(), redelivered=False) for _ in range(3)))
    assert (await store.count(WHOLE)).total == len(TIERS)


async def test_pending_orders_are_read_by_id_and_bounded(store: OrderStore) -> None:
    await store.mark_processed(OrderRange(RUN, 2, 2), "feito", FOREVER)
    assert await _pending(store) == [1, 3, 4, 5, 6]
    assert [one.id for one in await store.read_pending(WHOLE, 2)] == at(1, 3)
    assert [one.id for one in await store.read_pending_among(at(3, 2, 1))] == at(1, 3)
    assert list(await store.read_pending(OrderRange(LATER, 1, 9), 100)) == []


async def test_processing_a_range_but_some(store: OrderStore) -> None:
    changed = await store.mark_processed(OrderRange(RUN, 1, 4), "feito", FOREVER, at(2, 3))
    assert changed == 2
    assert await _pending(store) == [2, 3, 5, 6]
    record = await store.get(at(1)[0])
    assert record is not None
    assert (record.status, record.observacoes, record.order.attempts) == ("processado", "feito", 1)
    assert record.processed_at is not None


async def test_what_is_final_is_never_changed_again(store: OrderStore) -> None:
    await store.mark_processed(WHOLE, "feito", FOREVER)
    assert await store.mark_processed(WHOLE, "de novo", FOREVER) == 0
    assert await store.mark_each({at(1)[0]: "de novo"}, FOREVER) == 0
    assert await store.mark_failures([OrderFailure(at(1)[0], "no", final=True)], FOREVER) == 0
    assert await store.fail_rest(WHOLE, "no", FOREVER) == 0
    record = await store.get(at(1)[0])
    assert record is not None
    assert (record.observacoes, record.error) == ("feito", None)


async def test_each_order_with_its_own_observation(store: OrderStore) -> None:
    texts = {at(1)[0]: "$um", at(4)[0]: "quatro", order_id(LATER, 1): "nobody"}
    assert await store.mark_each(texts, FOREVER) == 2
    assert await store.mark_each({}, FOREVER) == 0
    record = await store.get(at(1)[0])
    assert record is not None
    assert record.observacoes == "$um"


async def test_failures_count_and_final_ones_are_dead(store: OrderStore) -> None:
    failures = [OrderFailure(at(1)[0], "$timeout", False), OrderFailure(at(2)[0], "no", True)]
    assert await store.mark_failures(failures, FOREVER) == 2
    assert await store.mark_failures([], FOREVER) == 0
    first, second = await store.get(at(1)[0]), await store.get(at(2)[0])
    assert first is not None
    assert second is not None
    assert (first.status, first.error, first.order.attempts) == ("pendente", "$timeout", 1)
    assert (second.status, second.error, second.order.attempts) == ("falhou", "no", 1)
    assert (first.failed_at is None, second.failed_at is None) == (True, False)


async def test_success_clears_the_reason_of_an_earlier_failure(store: OrderStore) -> None:
    await store.mark_failures([OrderFailure(at(1)[0], "slow", final=False)], FOREVER)
    await store.mark_processed(WHOLE, "feito", FOREVER)
    record = await store.get(at(1)[0])
    assert record is not None
    assert (record.error, record.order.attempts) == (None, 2)


async def test_failing_the_rest(store: OrderStore) -> None:
    await store.mark_processed(OrderRange(RUN, 1, 2), "feito", FOREVER)
    assert await store.fail_rest(WHOLE, "gave up", FOREVER) == 4
    assert await store.count(WHOLE) == StatusCounts(processado=2, falhou=4)


async def test_the_dead_of_all_runs_are_counted_up_to_a_limit(store: OrderStore) -> None:
    await store.insert_chunk(chunk(LATER), redelivered=False)
    assert await store.dead(10) == 0
    await store.fail_rest(OrderRange(RUN, 1, 2), "no", FOREVER)
    await store.fail_rest(OrderRange(LATER, 1, 1), "no", FOREVER)
    assert (await store.dead(10), await store.dead(2)) == (3, 2)
    await store.revive(at(1))
    assert await store.dead(10) == 2


async def test_a_write_behind_its_fence_is_refused(store: OrderStore) -> None:
    assert await store.mark_processed(WHOLE, "feito", LONG_AGO) == 0
    assert await store.mark_each({at(1)[0]: "feito"}, LONG_AGO) == 0
    assert await store.mark_failures([OrderFailure(at(1)[0], "no", final=True)], LONG_AGO) == 0
    assert await store.fail_rest(WHOLE, "no", LONG_AGO) == 0
    assert (await store.count(WHOLE)).pendente == len(TIERS)


async def test_pages_by_id_join_to_the_whole(store: OrderStore) -> None:
    found: list[UUID] = []
    cursor = None
    while True:
        page = await store.page(OrderFilter(), 4, cursor)
        found += [record.order.id for record in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == at(1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (OrderFilter(run_id=RUN), [1, 2, 3, 4, 5, 6]),
        (OrderFilter(run_id=LATER), []),
        (OrderFilter(priority=Priority.VIP), [1, 2]),
        (OrderFilter(tier=Tier.BRONZE), [5, 6]),
        (OrderFilter(status=OrderStatus.FALHOU), [3]),
        (OrderFilter(cliente="cliente 4"), [4]),
        (OrderFilter(RUN, Priority.NORMAL, "pendente", "BRONZE", "cliente 6"), [6]),
    ],
)
async def test_pages_filter(store: OrderStore, wanted: OrderFilter, numbers: list[int]) -> None:
    await store.mark_failures([OrderFailure(at(3)[0], "no", final=True)], FOREVER)
    page = await store.page(wanted, 10, None)
    assert [record.order.id for record in page.items] == at(*numbers)


async def test_a_filtered_page_goes_on_behind_its_cursor(store: OrderStore) -> None:
    wanted = OrderFilter(run_id=RUN, priority=Priority.NORMAL)
    first = await store.page(wanted, 3, None)
    rest = await store.page(wanted, 3, first.cursor)
    assert [record.order.id for record in [*first.items, *rest.items]] == at(3, 4, 5, 6)


async def test_a_strange_cursor_is_a_value_error(store: OrderStore) -> None:
    with pytest.raises(ValueError, match=r"nonsense|UUID"):
        await store.page(OrderFilter(), 3, "nonsense")


async def test_export_gives_one_run_by_id(store: OrderStore) -> None:
    await store.insert_chunk(chunk(LATER), redelivered=False)
    assert [record.order.id async for record in store.export(RUN)] == at(1, 2, 3, 4, 5, 6)


async def test_deleting(store: OrderStore) -> None:
    await store.insert_chunk(chunk(LATER), redelivered=False)
    await store.mark_processed(OrderRange(RUN, 1, 2), "feito", FOREVER)
    assert await store.delete_pending(whole_run(RUN)) == 4
    assert await store.delete_before(LATER) == 2
    assert await store.delete(OrderRange(LATER, 6, 6)) == 1
    assert await store.delete(None) == 5


async def test_reviving_takes_only_the_dead_and_starts_them_afresh(store: OrderStore) -> None:
    await store.mark_failures([OrderFailure(one, "no", final=True) for one in at(1, 2)], FOREVER)
    before = await store.get(at(1)[0])
    revived = await store.revive(at(1, 3, 99))
    assert [one.id for one in revived] == at(1)
    assert list(await store.revive(at(1))) == []
    record = await store.get(at(1)[0])
    assert record is not None
    assert before is not None
    assert (record.status, record.order.attempts) == ("pendente", 0)
    assert await store.count(WHOLE) == StatusCounts(pendente=4, falhou=2)


async def test_what_was_sent_again_is_its_redrives_alone(store: OrderStore) -> None:
    await store.mark_failures([OrderFailure(one, "no", final=True) for one in at(1)], FOREVER)
    await store.revive(at(1))
    assert at(1)[0] not in [one.id for one in await store.read_pending(WHOLE, 10)]
    assert await store.mark_processed(WHOLE, "feito", FOREVER) == len(TIERS) - 1
    assert await store.fail_rest(WHOLE, "no", FOREVER) == 0
    assert await store.delete_pending(whole_run(RUN)) == 0
    assert [one.id for one in await store.read_pending_among(at(1))] == at(1)
    assert await store.mark_each({at(1)[0]: "feito"}, FOREVER) == 1
    # the batch's account stays what it was: its first final state
    assert (await store.count(WHOLE)).falhou == 1


async def test_erasing_a_customer(store: OrderStore) -> None:
    assert await store.erase_customer("cliente 2") == 1
    assert await store.erase_customer("cliente 2") == 0
    record = await store.get(at(2)[0])
    assert record is not None
    assert "cliente 2" not in record.order.cliente
    assert record.order == replace(order(2, Tier.DIAMANTE), cliente=record.order.cliente)
    assert record.order.created_at - CREATED == timedelta(0)
    assert (record.error, record.observacoes) == (None, "")


async def test_erasing_a_customer_clears_what_a_handler_wrote(store: OrderStore) -> None:
    await store.mark_failures([OrderFailure(at(2)[0], "cliente 2 moved", final=True)], FOREVER)
    await store.mark_each({at(3)[0]: "para cliente 3"}, FOREVER)
    await store.mark_each({at(4)[0]: OBSERVATION[Priority.NORMAL]}, FOREVER)
    for number in (2, 3, 4):
        assert await store.erase_customer(f"cliente {number}") == 1
    records = [await store.get(one) for one in at(2, 3, 4)]
    found = [(one.status, one.error, one.observacoes) for one in records if one is not None]
    assert found == [
        ("falhou", ERASED, ""),
        ("processado", None, ERASED),
        ("processado", None, OBSERVATION[Priority.NORMAL]),
    ]
