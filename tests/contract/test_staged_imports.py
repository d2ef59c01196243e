"""Every store of staged imports keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.domain.imports import ImportGone
from pedidos_common.ports import ImportReport, ImportRow, ImportStore
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from tests.contract.lab import KINDS, Lab, lab_of

CHUNK_SIZE = 2
HOUR = 3_600.0


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with lab_of(request.param, request) as found:
        yield found


@pytest.fixture
def imports(lab: Lab) -> ImportStore:
    if lab.database is not None:
        return MongoImportStore(lab.database)
    assert lab.clock is not None
    return InMemoryImportStore(lab.clock)


def rows_of(*names: str, cents: int = 100, tier: str | None = "OURO") -> list[ImportRow]:
    """A row for each customer, the first on line 2."""
    return [ImportRow(line, name, cents, tier) for line, name in enumerate(names, 2)]


def report_of(import_id: str, accepted: int) -> ImportReport:
    return ImportReport(
        import_id, "00ff", 10, accepted, accepted, 0, rejections=[], ignored_columns=["x"]
    )


async def staged(imports: ImportStore, import_id: str, rows: Sequence[ImportRow]) -> None:
    await imports.begin(import_id, "orders.csv")
    assert not await imports.append(import_id, rows)


async def sealed(imports: ImportStore, import_id: str, rows: Sequence[ImportRow]) -> ImportReport:
    await staged(imports, import_id, rows)
    report = report_of(import_id, len(rows))
    await imports.finish(report, CHUNK_SIZE)
    return report


async def test_what_was_staged_comes_back_in_its_order(imports: ImportStore) -> None:
    day = datetime(1997, 1, 31, tzinfo=UTC)
    full = ImportRow(2, "$ne.x", 1234, "OURO", "A1", day, 3)
    await staged(imports, "i", [full])
    assert not await imports.append("i", [ImportRow(4, "Bia", 0, "BRONZE")])
    await imports.finish(report_of("i", 2), CHUNK_SIZE)
    assert list(await imports.chunk("i", 1, 2)) == [full, ImportRow(4, "Bia", 0, "BRONZE")]


async def test_a_chunk_is_any_stretch_of_the_rows(imports: ImportStore) -> None:
    rows = [ImportRow(n + 1, f"c{n}", 100, "OURO") for n in range(1, 2_501)]
    await sealed(imports, "i", rows)
    for first, last in [(1, 1), (999, 1_001), (2_000, 2_001), (1, 2_500)]:
        assert list(await imports.chunk("i", first, last)) == rows[first - 1 : last]


async def test_rows_that_are_not_there_are_an_error(imports: ImportStore) -> None:
    await sealed(imports, "i", rows_of("Ana"))
    for import_id, last in [("i", 2), ("unknown", 1)]:
        with pytest.raises(ImportGone):
            await imports.chunk(import_id, 1, last)


async def test_nothing_is_read_of_an_import_that_is_not_sealed(imports: ImportStore) -> None:
    await staged(imports, "i", rows_of("Ana"))
    assert await imports.report("i") is None
    with pytest.raises(ImportGone):
        await imports.chunk("i", 1, 1)


async def test_a_sealed_import_is_sealed_once_and_takes_no_more(imports: ImportStore) -> None:
    report = await sealed(imports, "i", rows_of("Ana"))
    with pytest.raises(ImportGone):
        await imports.append("i", rows_of("Bia"))
    with pytest.raises(ImportGone):
        await imports.finish(report_of("i", 7), CHUNK_SIZE)
    assert await imports.report("i") == report
    assert [row.cliente for row in await imports.chunk("i", 1, 1)] == ["Ana"]


async def test_nothing_is_staged_that_was_not_begun(imports: ImportStore) -> None:
    with pytest.raises(ImportGone):
        await imports.append("i", rows_of("Ana"))
    with pytest.raises(ImportGone):
        await imports.finish(report_of("i", 1), CHUNK_SIZE)


async def test_an_external_id_is_taken_once(imports: ImportStore) -> None:
    def row(line: int, external_id: str | None) -> ImportRow:
        return ImportRow(line, "Ana", 100, "OURO", external_id)

    await imports.begin("i", "orders.csv")
    first = await imports.append("i", [row(2, "A1"), row(3, None), row(4, "A1"), row(5, None)])
    second = await imports.append("i", [row(6, "A2"), row(7, "A1")])
    assert [each.line for each in (*first, *second)] == [4, 7]
    assert all("'A1'" in each.reason for each in (*first, *second))
    await imports.finish(report_of("i", 4), CHUNK_SIZE)
    assert [one.line for one in await imports.chunk("i", 1, 4)] == [2, 3, 5, 6]


async def test_customers_are_cut_into_tiers_by_what_they_spend(imports: ImportStore) -> None:
    # c0 spends most, by two rows; c8 and c9 the same, so the first on the file is before
    rows = [ImportRow(n + 2, f"c{n}", 1_000 - 10 * min(n, 8)) for n in range(10)]
    await staged(imports, "i", [*rows, ImportRow(12, "c0", 1)])
    tiers = await imports.rank_customers("i")
    assert dict(tiers) == {"DIAMANTE": 2, "OURO": 2, "PRATA": 2, "BRONZE": 5}
    await imports.finish(report_of("i", 11), CHUNK_SIZE)
    found = [row.tier for row in await imports.chunk("i", 1, 11)]
    names = ["DIAMANTE", *["OURO"] * 2, *["PRATA"] * 2, *["BRONZE"] * 5, "DIAMANTE"]
    assert found == names


async def test_of_two_imports_each_keeps_to_its_own(imports: ImportStore) -> None:
    await sealed(imports, "one", rows_of("Ana", "Bia"))
    await sealed(imports, "two", rows_of("Caio"))
    await imports.discard("one")
    assert await imports.report("one") is None
    with pytest.raises(ImportGone):
        await imports.chunk("one", 1, 1)
    assert [row.cliente for row in await imports.chunk("two", 1, 1)] == ["Caio"]


async def test_what_is_discarded_is_over_and_frees_its_ids(imports: ImportStore) -> None:
    row = ImportRow(2, "Ana", 100, "OURO", "A1")
    await staged(imports, "one", [row])
    await imports.discard("one")
    await imports.discard("one")
    with pytest.raises(ImportGone):
        await imports.append("one", rows_of("Bia"))
    with pytest.raises(ImportGone):
        await imports.finish(report_of("one", 1), CHUNK_SIZE)
    await sealed(imports, "two", [row])


async def test_forgotten_rows_are_gone_and_their_report_stays(imports: ImportStore) -> None:
    report = await sealed(imports, "i", rows_of("Ana"))
    await sealed(imports, "other", rows_of("Bia"))
    await imports.forget_rows("i")
    assert await imports.report("i") == report
    with pytest.raises(ImportGone):
        await imports.chunk("i", 1, 1)
    assert [row.cliente for row in await imports.chunk("other", 1, 1)] == ["Bia"]


async def test_clear_forgets_what_is_sealed_and_what_is_under_way(imports: ImportStore) -> None:
    await sealed(imports, "i", rows_of("Ana"))
    await staged(imports, "open", rows_of("Bia"))
    await imports.clear()
    assert await imports.report("i") is None
    with pytest.raises(ImportGone):
        await imports.finish(report_of("open", 1), CHUNK_SIZE)


async def used(_import_id: str) -> bool:
    return True


async def unused(_import_id: str) -> bool:
    return False


async def test_a_sealed_import_whose_run_never_started_is_swept(
    imports: ImportStore, lab: Lab
) -> None:
    await sealed(imports, "whole", rows_of("Ana"))
    await lab.until(lambda: imports.sweep(0.02, unused))
    assert await imports.report("whole") is None


async def test_a_sweep_takes_what_stands_still_unsealed(imports: ImportStore, lab: Lab) -> None:
    await sealed(imports, "whole", rows_of("Ana"))
    await staged(imports, "idle", rows_of("Bia"))
    assert await imports.sweep(HOUR, used) == 0
    await lab.until(lambda: imports.sweep(0.02, used))
    with pytest.raises(ImportGone):
        await imports.append("idle", rows_of("Bia"))
    assert await imports.report("whole") is not None


async def test_each_row_that_comes_keeps_the_sweep_away(imports: ImportStore, lab: Lab) -> None:
    await staged(imports, "idle", rows_of("Ana"))
    await staged(imports, "busy", rows_of("Bia"))

    async def swept() -> int:
        await imports.append("busy", rows_of("Bia"))
        return await imports.sweep(2.0, used)

    await lab.until(swept)
    assert not await imports.append("busy", rows_of("Bia"))
