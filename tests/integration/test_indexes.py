"""Collections and indexes, made by many processes that start at once."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from bson.decimal128 import Decimal128

from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.domain.checkouts import Kind
from pedidos_checkout.domain.placed_orders import order_of
from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.job_queues import OLDEST_AMONG
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import Band, JobStatus, NewJob
from tests.contract.carts import FOREVER, a_checkout

AT_ONCE = 8


async def test_many_that_start_at_once_make_them_together(
    mongo_uri: str, mongo_database: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        databases = []
        for n in range(AT_ONCE):
            client = await stack.enter_async_context(connect(mongo_uri, f"starter-{n}"))
            databases.append(durable(client, mongo_database))
        await asyncio.gather(*(database.command("ping") for database in databases))
        await asyncio.gather(*(ensure_indexes(database) for database in databases))
        assert "external_id_once" in await databases[0]["orders"].index_information()


async def test_orders_that_are_named_by_id_are_found_without_a_scan(
    mongo_uri: str, mongo_database: str
) -> None:
    run_id = new_run_id(1, 1)
    async with connect(mongo_uri, "reader") as client:
        database = durable(client, mongo_database)
        await ensure_indexes(database)
        await database["orders"].insert_many(
            [an_order(order_id(run_id, sequence)) for sequence in range(1, 501)]
        )
        await database.command({"profile": 2})
        wanted = [order_id(run_id, 250), order_id(run_id, 252)]
        found = await MongoOrderStore(database).read_pending_among(wanted)
        await database.command({"profile": 0})
        read = await database["system.profile"].find_one({"op": "query", "command.find": "orders"})
    assert [order.id for order in found] == wanted
    assert read is not None
    assert read["docsExamined"] <= 4, read["planSummary"]


async def test_jobs_of_a_queue_are_counted_without_looking_at_one(
    mongo_uri: str, mongo_database: str
) -> None:
    async with connect(mongo_uri, "reader") as client:
        database = durable(client, mongo_database)
        await ensure_indexes(database)
        ledger = MongoJobLedger(database, 10.0)
        await ledger.create(
            [NewJob(f"{queue}{n}", "f", queue, Band.HIGH, {}) for n in range(200) for queue in "ab"]
        )
        await database.command({"profile": 2})
        (found,) = await ledger.standing(["a"], [JobStatus.QUEUED, JobStatus.FAILED], 150)
        first = await ledger.newest("a", JobStatus.QUEUED, 10, None)
        await database.command({"profile": 0})
        calls = database["system.profile"].find({"ns": f"{mongo_database}.jobs"})
        counted, listed = [call async for call in calls.sort("ts", 1)]
    assert found.counts == {JobStatus.QUEUED: 150}
    # the oldest one is looked for among so many
    assert counted["docsExamined"] <= OLDEST_AMONG, counted["planSummary"]
    assert listed["docsExamined"] == 1 + len(first.items), listed["planSummary"]


async def test_the_oldest_checkouts_are_found_without_a_scan(
    mongo_uri: str, mongo_database: str
) -> None:
    async with connect(mongo_uri, "reader") as client:
        database = durable(client, mongo_database)
        await ensure_checkout_indexes(database)
        store = MongoCheckoutStore(database)
        carts = [a_checkout(n) for n in range(60)]
        for number in range(0, 60, 10):  # ten of a moment at most
            await asyncio.gather(*(store.accept(cart) for cart in carts[number : number + 10]))
        await store.begun([cart.id for cart in carts])
        await database.command({"profile": 2})
        first = await store.accepted_before(FOREVER, 5)
        rest = await store.accepted_before(FOREVER, 5, first[-1])
        await database.command({"profile": 0})
        calls = database["system.profile"].find({"command.find": "checkouts"})
        seen = [call async for call in calls]
    assert len({cart.id for cart in (*first, *rest)}) == 10
    # behind another one those of its moment are looked at too
    assert all(call["docsExamined"] <= 5 + 10 for call in seen), seen
    assert seen[0]["docsExamined"] == 5
    assert not any(call.get("hasSortStage") for call in seen)


async def test_checkouts_and_customers_orders_are_found_without_a_scan(
    mongo_uri: str, mongo_database: str
) -> None:
    async with connect(mongo_uri, "reader") as client:
        database = durable(client, mongo_database)
        await ensure_checkout_indexes(database)
        store, orders = MongoCheckoutStore(database), MongoPlacedOrders(database)
        carts = [a_checkout(n, key=f"key-{n}") for n in range(50)]
        await asyncio.gather(*(store.accept(cart) for cart in carts))
        await store.begun([cart.id for cart in carts[1:]])
        other = replace(carts[0].customer, id="c-other")
        for n, cart in enumerate(carts[:20]):
            order = order_of(cart if n else replace(cart, customer=other))
            await orders.create(order, FOREVER)
        await database.command({"profile": 2})
        assert await store.by_key(Kind.CHECKOUT, "key-7") is not None
        assert not (await store.accept(a_checkout(99, key="key-7"))).is_new
        assert len(await store.not_begun(0, 10)) == 1
        assert len((await orders.of_customer("c-other", 10, None)).items) == 1
        await database.command({"profile": 0})
        seen = await database["system.profile"].find({"docsExamined": {"$exists": True}}).to_list()
    assert len(seen) >= 4
    assert [one for one in seen if one["docsExamined"] > 2] == []


def an_order(which: UUID) -> dict[str, object]:
    return {
        "_id": which,
        "cliente": "Ana",
        "valor": Decimal128("1.00"),
        "tier": "OURO",
        "priority": "NORMAL",
        "status": "pendente",
        "createdAt": datetime(2023, 11, 14, tzinfo=UTC),
    }
