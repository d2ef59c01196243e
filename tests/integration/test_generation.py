"""The chunk jobs on a real MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.indexes import ensure_orders
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.generation import amount_table
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import Band, Job, JobStatus, Succeeded
from pedidos_common.ports import ImportReport, ImportRow
from pedidos_common.testing.held_context import HeldContext
from pedidos_generator.generate import generate_chunk
from pedidos_generator.import_rows import import_chunk
from pedidos_generator.names import customer_names

RUN = new_run_id(1_764_000_000_000, 77)
OTHER_RUN = new_run_id(1_764_000_000_001, 78)
CREATED = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
FIELDS = ["_id", "cliente", "valor", "tier", "priority", "observacoes", "status", "createdAt"]


@pytest.fixture(scope="module")
def encoder() -> BsonOrderEncoder:
    return BsonOrderEncoder(customer_names(), amount_table())


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    async with connect(mongo_uri, "test") as client:
        held = durable(client, mongo_database)
        await ensure_orders(held)
        yield held


@pytest.fixture
def orders(mongo_client: MongoClient[dict[str, Any]], mongo_database: str) -> Any:
    return mongo_client[mongo_database]["orders"]


def job(first: int, last: int, deliveries: int = 1, **payload: Any) -> Job:
    held = {"runId": str(RUN), "index": 0, "first": first, "last": last, "seed": 9}
    return Job(
        id=f"{RUN}:chunk:000000",
        function="orders.generate_chunk",
        queue="generation",
        band=Band.NORMAL,
        payload={**held, "generatorVersion": 1, **payload},
        status=JobStatus.RUNNING,
        created_at=CREATED,
        deliveries=deliveries,
    )


async def test_a_chunk_is_in_the_store_as_documented(
    database: Database, orders: Any, encoder: BsonOrderEncoder
) -> None:
    function = generate_chunk(MongoOrderStore(database), encoder)
    outcome = await function.perform(job(1, 3_000), HeldContext())
    found = list(orders.find().sort("_id", 1))
    vip = sum(document["priority"] == "VIP" for document in found)
    assert outcome == Succeeded({"vip": vip, "normal": 3_000 - vip, "duplicates": 0})
    assert [document["_id"] for document in found] == [order_id(RUN, s) for s in range(1, 3_001)]
    assert [document["tier"] == "DIAMANTE" for document in found] == [
        place < vip for place in range(3_000)
    ]
    assert list(found[0]) == FIELDS
    assert {document["createdAt"] for document in found} == {CREATED}
    assert {document["status"] for document in found} == {"pendente"}
    assert all(document["valor"].to_decimal().as_tuple().exponent == -2 for document in found)
    summed = orders.aggregate([{"$group": {"_id": None, "sum": {"$sum": "$valor"}}}]).next()
    plain = sum(document["valor"].to_decimal() for document in found)
    assert summed["sum"].to_decimal() == plain


@pytest.mark.parametrize("deliveries", [1, 2])
async def test_writing_a_chunk_again_changes_nothing(
    database: Database, orders: Any, encoder: BsonOrderEncoder, deliveries: int
) -> None:
    function = generate_chunk(MongoOrderStore(database), encoder)
    first = await function.perform(job(1, 500), HeldContext())
    before = list(orders.find().sort("_id", 1))
    assert await function.perform(job(1, 500, deliveries), HeldContext()) == first
    assert list(orders.find().sort("_id", 1)) == before


async def test_a_chunk_that_was_written_in_part_is_made_whole(
    database: Database, orders: Any, encoder: BsonOrderEncoder
) -> None:
    function = generate_chunk(MongoOrderStore(database), encoder)
    first = await function.perform(job(1, 500), HeldContext())
    before = list(orders.find().sort("_id", 1))
    orders.delete_many({"_id": {"$gte": order_id(RUN, 100), "$lt": order_id(RUN, 400)}})
    assert await function.perform(job(1, 500, deliveries=2), HeldContext()) == first
    assert list(orders.find().sort("_id", 1)) == before


async def _staged(imports: MongoImportStore, import_id: str, rows: list[ImportRow]) -> None:
    await imports.begin(import_id, "orders.csv")
    await imports.append(import_id, rows)
    report = ImportReport(import_id, "", 0, len(rows), len(rows), 0)
    await imports.finish(report, chunk_size=100)


async def test_an_import_chunk_keeps_what_the_file_says(
    database: Database, orders: Any, encoder: BsonOrderEncoder
) -> None:
    imports = MongoImportStore(database)
    when = datetime(1997, 1, 31, tzinfo=UTC)
    await _staged(
        imports,
        "i1",
        [
            ImportRow(2, "Ana", 1234, "BRONZE"),
            ImportRow(3, "Bia", 5, "DIAMANTE", "A-1", when, 7),
            ImportRow(4, "Ana", 10**14, "DIAMANTE"),
        ],
    )
    function = import_chunk(MongoOrderStore(database), imports, encoder)
    outcome = await function.perform(job(1, 3, importId="i1"), HeldContext())
    assert outcome == Succeeded({"vip": 2, "normal": 1, "duplicates": 0})
    bia, ana_vip, ana = orders.find().sort("_id", 1)
    assert list(bia) == [*FIELDS, "externalId", "orderedAt", "quantidade"]
    assert (bia["cliente"], str(bia["valor"]), bia["externalId"]) == ("Bia", "0.05", "A-1")
    assert (bia["orderedAt"], bia["quantidade"]) == (when, 7)
    assert list(ana) == FIELDS
    assert str(ana["valor"]) == "12.34"
    assert str(ana_vip["valor"]) == "1000000000000.00"


async def test_an_id_that_another_import_brought_meanwhile_is_dropped_and_counted(
    database: Database, orders: Any, encoder: BsonOrderEncoder
) -> None:
    imports, store = MongoImportStore(database), MongoOrderStore(database)
    rows = [ImportRow(n, "Ana", n, "DIAMANTE" if n < 6 else "OURO", f"x{n}") for n in range(1, 11)]
    # both are staged before either is written, so neither sees the other's ids
    await _staged(imports, "i1", [rows[1], rows[7]])
    await _staged(imports, "i2", rows)
    function = import_chunk(store, imports, encoder)
    await function.perform(job(1, 2, importId="i1", runId=str(OTHER_RUN)), HeldContext())
    expected = Succeeded({"vip": 5, "normal": 5, "duplicates": 2, "duplicatesVip": 1})
    assert await function.perform(job(1, 10, importId="i2"), HeldContext()) == expected
    again = await function.perform(job(1, 10, deliveries=2, importId="i2"), HeldContext())
    assert again == expected
    assert orders.count_documents({}) == 10
    held = [document["_id"] for document in orders.find({"_id": {"$lt": OTHER_RUN}})]
    assert held == [order_id(RUN, s) for s in (1, 3, 4, 5, 6, 7, 9, 10)]
