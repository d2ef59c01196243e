"""The staging of an upload, with imports kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.imports import ImportRejected, ImportTooLarge
from pedidos_common.ports import ImportReport, ImportRow, ImportStore, Rejection
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from pedidos_orchestrator.use_cases.staging import MAX_REJECTIONS, ROWS_AT_ONCE, stage


class Watched(InMemoryImportStore):
    """Notes what it was asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.discarded: list[str] = []
        self.sealed: list[str] = []

    async def append(self, import_id: str, rows: Sequence[ImportRow]) -> Sequence[Rejection]:
        self.sizes.append(len(rows))
        return await super().append(import_id, rows)

    async def finish(self, report: ImportReport, chunk_size: int) -> None:
        self.sealed.append(report.id)
        await super().finish(report, chunk_size)

    async def discard(self, import_id: str) -> None:
        self.discarded.append(import_id)
        await super().discard(import_id)


async def stream(data: bytes, piece: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), piece):
        yield data[start : start + piece]


async def run(
    data: bytes | AsyncIterator[bytes],
    imports: ImportStore,
    *,
    dry_run: bool = False,
    max_bytes: int = 10**9,
    file_format: str = "csv",
) -> ImportReport:
    return await stage(
        stream(data) if isinstance(data, bytes) else data,
        filename="orders.csv",
        format=file_format,
        encoding=None,
        dry_run=dry_run,
        imports=imports,
        chunk_size=100,
        max_bytes=max_bytes,
    )


@pytest.fixture
def imports() -> Watched:
    return Watched()


GOOD = b"customer,amount,order_id,note\nAna,10,A1,x\nBia,20,A2,y\nAna,30,A3,z\n"


async def test_a_good_file_is_sealed_with_its_report(imports: Watched) -> None:
    report = await run(GOOD, imports)
    assert report == await imports.report(report.id)
    assert report.sha256 == sha256(GOOD).hexdigest()
    assert (report.size_bytes, report.rows, report.accepted, report.rejected) == (
        len(GOOD),
        3,
        3,
        0,
    )
    assert report.columns == {"cliente": "customer", "valor": "amount", "externalId": "order_id"}
    assert list(report.ignored_columns) == ["note"]
    assert report.tier_rule
    assert report.tiers == {"DIAMANTE": 2, "BRONZE": 1}
    assert imports.discarded == []


async def test_given_tiers_are_counted_and_not_ranked(imports: Watched) -> None:
    data = b"cliente,valor,tier\nAna,10,GOLD\nBia,20,BRONZE\nCaio,30,ouro\n"
    report = await run(data, imports)
    assert not report.tier_rule
    assert report.tiers == {"OURO": 2, "BRONZE": 1}


async def test_a_dry_run_leaves_nothing(imports: Watched) -> None:
    report = await run(GOOD, imports, dry_run=True)
    assert report.accepted == 3
    assert report.tiers == {"DIAMANTE": 2, "BRONZE": 1}
    assert imports.discarded == [report.id]
    assert await imports.report(report.id) is None


async def test_spoilt_rows_and_duplicates_are_reported_by_line_in_order(imports: Watched) -> None:
    data = b"cliente,valor,order_id\nAna,1,A\nBia,x,B\nCaio,1,A\n,1,C\nEva,1,\nFabi,1,\n"
    report = await run(data, imports)
    assert (report.rows, report.accepted, report.rejected) == (6, 3, 3)
    assert [rejection.line for rejection in report.rejections] == [3, 4, 5]
    assert sum(report.tiers.values()) == 3


async def test_ids_of_an_earlier_file_are_taken(imports: Watched) -> None:
    await run(GOOD, imports)
    again = await run(GOOD, imports)
    assert (again.accepted, again.rejected) == (0, 3)
    assert imports.discarded == [again.id]


async def test_where_nothing_is_accepted_the_report_is_all_there_is(imports: Watched) -> None:
    report = await run(b"cliente,valor\nAna,x\n", imports)
    assert (report.accepted, report.rejected, dict(report.tiers)) == (0, 1, {})
    assert imports.discarded == [report.id]


async def test_many_rejections_are_counted_and_the_first_ones_kept(imports: Watched) -> None:
    rows = b"".join(b"Ana,%d\n" % n if n % 2 else b"Ana,x\n" for n in range(30_000))
    report = await run(b"cliente,valor\n" + rows, imports)
    assert (report.accepted, report.rejected) == (15_000, 15_000)
    assert [rejection.line for rejection in report.rejections] == list(
        range(2, 2 + 2 * MAX_REJECTIONS, 2)
    )
    assert max(imports.sizes) < 2 * ROWS_AT_ONCE


async def test_a_file_over_the_limit_is_refused_and_discarded(imports: Watched) -> None:
    with pytest.raises(ImportTooLarge, match="limit of 20 bytes") as caught:
        await run(GOOD, imports, max_bytes=20)
    assert caught.value.max_bytes == 20
    assert len(imports.discarded) == 1
    assert imports.sealed == []


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"cliente,valor\n"])
async def test_a_file_that_is_refused_is_discarded(imports: Watched, data: bytes) -> None:
    with pytest.raises(ImportRejected):
        await run(data, imports)
    assert len(imports.discarded) == 1


async def test_an_unknown_format_opens_no_import(imports: Watched) -> None:
    with pytest.raises(ImportRejected, match="format 'xml'"):
        await run(GOOD, imports, file_format="xml")
    assert imports.discarded == []


async def test_a_client_that_goes_away_leaves_nothing(imports: Watched) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield GOOD
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await run(broken(), imports)
    assert len(imports.discarded) == 1


async def test_a_store_that_went_away_does_not_hide_the_reason(imports: Watched) -> None:
    class Away(Watched):
        async def discard(self, import_id: str) -> None:
            raise Unavailable("MongoDB did not answer")

    with pytest.raises(ImportRejected, match="empty"):
        await run(b"", Away())


async def test_ndjson(imports: Watched) -> None:
    data = b'{"cliente": "Ana", "valor": 1}\nnope\n{"cliente": "Bia", "valor": 2}\n'
    report = await run(data, imports, file_format="ndjson")
    assert (report.accepted, report.rejected) == (2, 1)
    assert report.columns == {"cliente": "cliente", "valor": "valor"}
