"""Every store of reconciliations keeps the same promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.domain.reconciliation import (
    Difference,
    Found,
    Progress,
    Repair,
    Report,
    Standing,
)
from pedidos_checkout.ports import Reconciliations
from pedidos_checkout.testing.in_memory_stores import InMemoryReconciliations
from tests.contract.carts import FOREVER, checkout_lab
from tests.contract.lab import KINDS, Lab

REPORT = Report(
    id="reconcile:20260301T1030",
    started_at=FOREVER,
    seen={"payments": 3},
    counts={"amount": 1},
    repairs={"none": 1},
    found=(Found(Difference.AMOUNT, "pay_1", "$odd", Repair.NONE),),
    left={"amount": 1},
)


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with checkout_lab(request.param, request) as found:
        yield found


@pytest.fixture
def kept(lab: Lab) -> Reconciliations:
    if lab.database is not None:
        return MongoReconciliations(lab.database)
    assert lab.clock is not None
    return InMemoryReconciliations(lab.clock)


async def test_it_goes_on_where_it_was_saved(kept: Reconciliations) -> None:
    assert await kept.progress() == Progress()
    for progress in (Progress("a", "b", "c", "d"), Progress("b")):
        await kept.save(progress)
        assert await kept.progress() == progress


async def test_a_report_replaces_the_one_before_it(lab: Lab, kept: Reconciliations) -> None:
    before = await lab.now()
    await kept.keep(REPORT)
    done = replace(REPORT, complete=True, found=())
    await kept.keep(done)
    found = await kept.get(REPORT.id)
    assert found is not None
    assert found.finished_at is not None
    assert before <= found.finished_at <= await lab.now()
    assert found == replace(done, finished_at=found.finished_at)


async def test_a_report_reads_as_it_was_kept(kept: Reconciliations) -> None:
    await kept.save(Progress("a"))
    await kept.keep(REPORT)
    found = await kept.get(REPORT.id)
    assert found is not None
    assert found == replace(REPORT, finished_at=found.finished_at)
    assert await kept.get("progress") is None


async def test_reports_come_newest_first(kept: Reconciliations) -> None:
    await kept.save(Progress("a"))
    for name in ("1", "3", "2"):
        await kept.keep(replace(REPORT, id=f"reconcile:{name}"))
    first = await kept.page(2, None)
    assert [one.id for one in first.items] == ["reconcile:3", "reconcile:2"]
    rest = await kept.page(2, first.cursor)
    assert ([one.id for one in rest.items], rest.cursor) == (["reconcile:1"], None)


async def test_how_things_stand_goes_by_the_newest_report_and_by_the_last_whole_one(
    lab: Lab, kept: Reconciliations
) -> None:
    await kept.save(Progress("a"))
    assert await kept.standing() == Standing()
    for name in ("1", "2"):
        await kept.keep(replace(REPORT, id=f"reconcile:{name}", complete=True))
        if lab.clock is not None:
            lab.clock.advance(1.0)
    ended = await kept.get("reconcile:2")
    assert ended is not None
    counts = {"amount": 2, "hold_left": 1}
    await kept.keep(replace(REPORT, id="reconcile:3", counts=counts, left={"amount": 2}))
    assert await kept.standing() == Standing(ended.finished_at, counts, {"amount": 2})


async def test_a_report_of_an_earlier_release_tells_nothing_of_what_is_left(
    lab: Lab, kept: Reconciliations
) -> None:
    if lab.database is None:  # memory holds none of an earlier release
        return
    await kept.keep(REPORT)
    await lab.database["reconciliations"].update_one({"_id": REPORT.id}, {"$unset": {"left": 1}})
    assert await kept.standing() == Standing(None, REPORT.counts, {})
    found = await kept.get(REPORT.id)
    assert found is not None
    assert found.left == {}
