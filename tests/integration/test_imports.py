"""Staged imports on a real MongoDB, from the bytes of a file on."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.indexes import ensure_orders
from pedidos_common.domain.imports import ImportGone, ImportTooLarge, tier_at
from pedidos_common.ports import ImportReport, ImportRow
from pedidos_orchestrator.use_cases.staging import stage

MEBIBYTE = 2**20


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    async with connect(mongo_uri, "test") as client:
        held = durable(client, mongo_database)
        await ensure_orders(held)
        yield held


@pytest.fixture
def imports(database: Database) -> MongoImportStore:
    return MongoImportStore(database)


@pytest.fixture
def stored(mongo_client: MongoClient[dict[str, Any]], mongo_database: str) -> Any:
    """The database, looked at behind the adapter's back."""
    return mongo_client[mongo_database]


async def stream(data: bytes, piece: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), piece):
        yield data[start : start + piece]


async def send(
    data: bytes | AsyncIterator[bytes],
    imports: MongoImportStore,
    *,
    dry_run: bool = False,
    max_bytes: int = 10**9,
) -> ImportReport:
    return await stage(
        stream(data) if isinstance(data, bytes) else data,
        filename="orders.csv",
        format="csv",
        encoding=None,
        dry_run=dry_run,
        imports=imports,
        chunk_size=10_000,
        max_bytes=max_bytes,
    )


def shop_file(customers: int, rows: int) -> bytes:
    """A file whose customers spend the same in groups, so that ties have to be broken."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(["customer", "amount"])
    for n in range(rows):
        customer = (n * 7919) % customers
        writer.writerow([f"c{customer}", f"{customer // 5 + 1}.25"])
    return held.getvalue().encode()


def tiers_by_the_rule(data: bytes) -> dict[str, str]:
    """The rule, computed plainly over the whole file."""
    spend: dict[str, int] = defaultdict(int)
    for row in list(csv.reader(io.StringIO(data.decode())))[1:]:
        spend[row[0]] += round(float(row[1]) * 100)
    ranked = sorted(spend, key=lambda name: -spend[name])
    return {name: str(tier_at(place, len(ranked))) for place, name in enumerate(ranked)}


@pytest.mark.parametrize(("customers", "rows"), [(1, 3), (2, 2), (9, 40), (333, 2_500)])
async def test_tiers_follow_the_rule_and_rows_keep_their_order(
    imports: MongoImportStore, customers: int, rows: int
) -> None:
    data = shop_file(customers, rows)
    report = await send(data, imports)
    held = await imports.chunk(report.id, 1, rows)
    expected = tiers_by_the_rule(data)
    assert report.tier_rule
    assert [row.line for row in held] == list(range(2, rows + 2))
    assert [row.tier for row in held] == [expected[row.cliente] for row in held]
    assert report.tiers == Counter(row.tier for row in held)


async def test_chunks_are_any_stretch_of_the_rows(imports: MongoImportStore) -> None:
    data = b"cliente,valor\n" + b"".join(b"c%d,1\n" % n for n in range(1, 12_346))
    report = await send(data, imports)
    for first, last in [(1, 1), (999, 1_001), (1, 12_345), (5_000, 5_001), (12_345, 12_345)]:
        rows = await imports.chunk(report.id, first, last)
        assert [row.cliente for row in rows] == [f"c{n}" for n in range(first, last + 1)]


async def test_a_stretch_that_is_not_there_is_an_error(imports: MongoImportStore) -> None:
    report = await send(b"cliente,valor\nAna,1\n", imports)
    with pytest.raises(ImportGone, match="send the file again"):
        await imports.chunk(report.id, 1, 2)
    with pytest.raises(ImportGone):
        await imports.chunk("unknown", 1, 1)


async def test_every_field_comes_back(imports: MongoImportStore) -> None:
    data = (
        b"cliente,valor,tier,order_id,date,qty\n"
        b'"Ana ""A"" Lima",12.34,GOLD,A1,1997-01-31,3\n'
        b"$ne.x,0.00,bronze,,,\n"
    )
    report = await send(data, imports)
    first, second = await imports.chunk(report.id, 1, 2)
    assert (first.cliente, first.valor_cents, first.tier) == ('Ana "A" Lima', 1234, "OURO")
    assert (first.external_id, first.quantidade) == ("A1", 3)
    assert first.ordered_at is not None
    assert first.ordered_at.isoformat() == "1997-01-31T00:00:00+00:00"
    assert second == ImportRow(3, "$ne.x", 0, "BRONZE")


async def test_the_report_is_kept(imports: MongoImportStore) -> None:
    data = b"cliente,valor,$odd.name\nAna,1,x\nBia,x,y\n"
    report = await send(data, imports)
    assert (report.accepted, report.rejected) == (1, 1)
    assert list(report.ignored_columns) == ["$odd.name"]
    assert await imports.report(report.id) == report
    assert await imports.report("unknown") is None


async def test_an_external_id_is_taken_once_in_a_file(imports: MongoImportStore) -> None:
    rows = [b"c,1,A%d\n" % (n % 11_000) for n in range(12_000)]
    report = await send(b"cliente,valor,order_id\n" + b"".join(rows) + b"c,1,\nc,1,\n", imports)
    assert (report.accepted, report.rejected) == (11_002, 1_000)
    assert report.rejections[0].line == 11_002
    assert report.rejections[0].reason == "external id 'A0' stands in this file before"
    held = await imports.chunk(report.id, 1, 11_002)
    assert len({row.external_id for row in held}) == 11_001


async def test_an_external_id_of_a_stored_order_is_taken(
    imports: MongoImportStore, stored: Any
) -> None:
    stored.orders.insert_one({"_id": "o", "externalId": "A1", "status": "processado"})
    report = await send(b"cliente,valor,order_id\nAna,1,A1\nBia,1,A2\nCaio,1,A2\n", imports)
    assert [(each.line, each.reason) for each in report.rejections] == [
        (2, "external id 'A1' belongs to an order that was imported before"),
        (4, "external id 'A2' stands in this file before"),
    ]


async def test_stored_external_ids_are_looked_up_by_index(stored: Any, database: Database) -> None:
    query = {"externalId": {"$in": ["A1", "A2"], "$type": "string"}}
    plan = stored.orders.find(query).explain()["queryPlanner"]["winningPlan"]
    assert "external_id_once" in str(plan)


@pytest.mark.parametrize("way", ["dry run", "refused", "too large", "client gone"])
async def test_nothing_is_left_of_what_is_not_sealed(
    imports: MongoImportStore, stored: Any, way: str
) -> None:
    data = b"cliente,valor,order_id\n" + b"".join(b"c%d,1,A%d\n" % (n, n) for n in range(12_000))

    async def gone() -> AsyncIterator[bytes]:
        yield data
        raise ConnectionError("gone")

    if way == "dry run":
        assert (await send(data, imports, dry_run=True)).tiers["DIAMANTE"] == 1_200
    elif way == "refused":
        assert (await send(b"cliente,valor\nAna,x\n", imports)).accepted == 0
    elif way == "too large":
        with pytest.raises(ImportTooLarge):
            await send(data, imports, max_bytes=150_000)
    else:
        with pytest.raises(ConnectionError):
            await send(gone(), imports)
    names = [name for name in stored.list_collection_names() if name.startswith("import")]
    assert {name: stored[name].count_documents({}) for name in names if "." not in name} == {
        name: 0 for name in names if "." not in name
    }
    assert not [name for name in names if "." in name]


async def test_of_two_imports_each_keeps_to_its_own(imports: MongoImportStore) -> None:
    one = await send(b"cliente,valor\nAna,1\nBia,2\n", imports)
    two = await send(b"cliente,valor\nAna,9\nBia,2\nAna,3\n", imports)
    await imports.discard(one.id)
    assert [row.tier for row in await imports.chunk(two.id, 1, 3)] == [
        "DIAMANTE",
        "BRONZE",
        "DIAMANTE",
    ]
    with pytest.raises(ImportGone):
        await imports.chunk(one.id, 1, 1)


async def _open(imports: MongoImportStore, import_id: str, rows: Sequence[ImportRow]) -> None:
    await imports.begin(import_id, "orders.csv")
    await imports.append(import_id, rows)


async def test_a_staging_that_stands_still_is_swept(imports: MongoImportStore, stored: Any) -> None:
    sealed = await send(b"cliente,valor\nAna,1\n", imports)
    await _open(imports, "idle", [ImportRow(2, "Ana", 1, "OURO", "A1")])
    assert await imports.sweep(3_600, _unused) == 0
    stored.imports.update_one({"_id": "idle"}, [{"$set": {"touchedAt": _hours_ago(2)}}])
    assert await imports.sweep(3_600, _unused) == 1
    assert await imports.report(sealed.id) is not None
    assert stored.imports.count_documents({}) == stored.import_rows.count_documents({}) == 1
    with pytest.raises(ImportGone):
        await imports.append("idle", [ImportRow(3, "Bia", 1, "OURO")])


async def test_what_a_crash_left_of_a_discard_is_swept(
    imports: MongoImportStore, stored: Any
) -> None:
    await _open(imports, "half", [ImportRow(2, "Ana", 1, "OURO", "A1")])
    stored.imports.update_one({"_id": "half"}, {"$set": {"state": "discarded"}})
    assert await imports.sweep(3_600, _unused) == 1
    assert stored.import_rows.count_documents({}) == 0


async def test_a_sealed_import_whose_run_never_started_is_swept(
    imports: MongoImportStore, stored: Any
) -> None:
    report = await send(b"cliente,valor\nAna,1\n", imports)
    stored.imports.update_one({"_id": report.id}, [{"$set": {"touchedAt": _hours_ago(2)}}])
    assert await imports.sweep(3_600, _used) == 0
    assert await imports.holding("Ana") == [report.id]
    assert await imports.sweep(3_600, _unused) == 1
    assert await imports.holding("Ana") == []


async def test_id_collections_of_no_staging_are_swept(
    imports: MongoImportStore, stored: Any
) -> None:
    sealed = await send(b"cliente,valor\nAna,1\n", imports)
    await _open(imports, "open", [ImportRow(2, "Ana", 1, "OURO", "A1")])
    # a crash between seal and forgetting, and an append that came after a discard
    stored[f"import_ids.{sealed.id}"].insert_one({"_id": "A0"})
    stored["import_ids.gone"].insert_one({"_id": "A2"})
    assert await imports.sweep(3_600, _unused) == 0
    left = [name for name in stored.list_collection_names() if name.startswith("import_ids.")]
    assert left == ["import_ids.open"]
    (again,) = await imports.append("open", [ImportRow(3, "Bia", 1, "OURO", "A1")])
    assert again.line == 3


async def _unused(_import_id: str) -> bool:
    return False


async def _used(_import_id: str) -> bool:
    return True


def _hours_ago(hours: int) -> dict[str, Any]:
    return {"$subtract": ["$$NOW", hours * 3_600_000]}


async def test_clear_forgets_everything_and_refuses_what_is_under_way(
    imports: MongoImportStore, stored: Any
) -> None:
    await send(b"cliente,valor\nAna,1\n", imports)
    await _open(imports, "open", [ImportRow(2, "Ana", 1, "OURO", "A1")])
    await imports.clear()
    assert [name for name in stored.list_collection_names() if name != "orders"] in (
        [],
        ["imports"],
    )
    report = ImportReport("open", "", 0, 1, 1, 0)
    with pytest.raises(ImportGone):
        await imports.finish(report, chunk_size=10)


async def test_ranking_twice_gives_the_same(imports: MongoImportStore) -> None:
    rows = [ImportRow(n, f"c{n % 7}", n) for n in range(2, 60)]
    await _open(imports, "i", rows)
    assert await imports.rank_customers("i") == await imports.rank_customers("i")


async def test_sums_past_the_servers_integers_still_rank(imports: MongoImportStore) -> None:
    rich = b"".join(b"Ana,1000000000000\n" for _ in range(95_000))
    report = await send(b"cliente,valor\nBia,1\n" + rich, imports)
    assert report.tiers == {"DIAMANTE": 95_000, "BRONZE": 1}
    assert [row.tier for row in await imports.chunk(report.id, 1, 2)] == ["BRONZE", "DIAMANTE"]


async def generated(size_bytes: int) -> AsyncIterator[bytes]:
    """A file of about that size, made as it is read."""
    yield b"customer_id,ordered_at,quantity,amount\n"
    sent = number = 0
    while sent < size_bytes:
        lines = (
            b"%07d,1997-01-%02d,%d,%d.%02d\n"
            % (n * 7919 % 50_000, n % 28 + 1, n % 9, n % 300, n % 100)
            for n in range(number, number + 2_000)
        )
        data = b"".join(lines)
        number, sent = number + 2_000, sent + len(data)
        yield data


async def _stays_flat(imports: MongoImportStore, size_bytes: int) -> ImportReport:
    before = psutil.Process().memory_info().rss
    highest = before

    async def watched() -> AsyncIterator[bytes]:
        nonlocal highest
        async for data in generated(size_bytes):
            highest = max(highest, psutil.Process().memory_info().rss)
            yield data

    report = await send(watched(), imports)
    assert (highest - before) < 40 * MEBIBYTE
    return report


async def test_memory_stays_flat(imports: MongoImportStore) -> None:
    report = await _stays_flat(imports, 5 * MEBIBYTE)
    assert report.accepted == report.rows > 150_000


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_memory_stays_flat_with_100_megabytes(imports: MongoImportStore) -> None:
    report = await _stays_flat(imports, 100_000_000)
    assert report.size_bytes > 100_000_000
    assert report.accepted == report.rows > 3_000_000
    assert len(await imports.chunk(report.id, 3_000_000, 3_009_999)) == 10_000
