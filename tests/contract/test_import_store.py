"""Every store of imports keeps the same promises about what nobody finishes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.domain.imports import ImportGone
from pedidos_common.ports import ImportReport, ImportRow, ImportStore
from pedidos_common.testing.in_memory_imports import InMemoryImportStore
from tests.contract.lab import KINDS, Lab, lab_of

IDLE_SECONDS = 0.2


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


async def used(_import_id: str) -> bool:
    return True


async def unused(_import_id: str) -> bool:
    return False


async def test_only_what_nobody_uses_or_touched_is_swept(imports: ImportStore, lab: Lab) -> None:
    for name in ("sealed", "idle"):
        await imports.begin(name, "orders.csv")
        await imports.append(name, [ImportRow(2, "Ana", 1, "OURO")])
    await imports.finish(ImportReport("sealed", "0" * 64, 1, 1, 1, 0), chunk_size=10)
    assert await imports.sweep(3_600, unused) == 0
    await lab.until(lambda: imports.sweep(IDLE_SECONDS, used))
    assert await imports.sweep(0.0, used) == 0
    assert await imports.report("sealed") is not None
    with pytest.raises(ImportGone):
        await imports.append("idle", [ImportRow(3, "Bia", 1, "OURO")])


async def test_a_sealed_import_whose_run_never_started_is_swept(
    imports: ImportStore, lab: Lab
) -> None:
    await imports.begin("sealed", "orders.csv")
    await imports.append("sealed", [ImportRow(2, "Ana", 1, "OURO")])
    await imports.finish(ImportReport("sealed", "0" * 64, 1, 1, 1, 0), chunk_size=10)
    await lab.until(lambda: imports.sweep(IDLE_SECONDS, unused))
    assert await imports.report("sealed") is None
