"""An operation whose caller was told that it timed out: applied or not, it has one effect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

import pytest

from pedidos_cli.audit import audit_run
from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.domain.errors import RunAlreadyActive, Unavailable
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.runs import Phase, Run
from tests.faults.failpoint import Failpoint, Moment
from tests.faults.small_pipeline import Ports, SmallPipeline

QUANTITY = 40
OPERATIONS = [
    ("ledger", "create"),
    ("ledger", "claim"),
    ("ledger", "settle"),
    ("orders", "insert_chunk"),
    ("orders", "mark_processed"),
    ("runs", "move"),
]


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    client = connect(mongo_uri, "told it failed")
    try:
        found = durable(client, mongo_database)
        await ensure_indexes(found)
        yield found
    finally:
        await client.close()


async def assert_each_once(pipeline: SmallPipeline, database: Database, run: Run) -> None:
    """Every order there once and processed by one attempt; every job ended well, once."""
    orders = await database.orders.find({}).to_list()
    assert len(orders) == QUANTITY
    assert {(order["status"], order["attempts"]) for order in orders} == {("processado", 1)}
    jobs = [job async for job in pipeline.ports.ledger.of_scope(run.scope)]
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert [change.phase for change in run.history] == list(dict.fromkeys(_phases(run)))
    assert sum(run.live[lane]["processed"] for lane in ("vip", "normal")) == QUANTITY


def _phases(run: Run) -> list[Phase]:
    return [change.phase for change in run.history]


@pytest.mark.parametrize("moment", get_args(Moment))
@pytest.mark.parametrize(("port", "method"), OPERATIONS)
async def test_a_run_whose_operation_fails_twice_has_each_effect_once(
    database: Database, mongo_uri: str, port: str, method: str, moment: Moment
) -> None:
    ports = Ports.on(database)
    failing = Failpoint(getattr(ports, port), method, moment)
    setattr(ports, port, failing)
    pipeline = SmallPipeline(database, ports)
    run = await pipeline.run_to_its_end(await pipeline.start(QUANTITY))
    assert failing.failed == 2
    assert run.phase is Phase.DONE
    await assert_each_once(pipeline, database, run)
    verdict = audit_run(mongo_uri, database.name, run.scope)
    assert [check for check in verdict.checks if check.passed is False] == []


@pytest.mark.parametrize("moment", get_args(Moment))
async def test_a_start_that_is_tried_again_leaves_one_run(
    database: Database, moment: Moment
) -> None:
    ports = Ports.on(database)
    ports.runs = Failpoint(ports.runs, "start", moment, times=1)
    pipeline = SmallPipeline(database, ports)
    with pytest.raises(Unavailable):
        await pipeline.start(QUANTITY)
    if moment == "after":
        with pytest.raises(RunAlreadyActive) as refused:
            await pipeline.start(QUANTITY)
        assert str((await ports.runs.active()).id) in str(refused.value)
    else:
        await pipeline.start(QUANTITY)
    run = await pipeline.run_to_its_end(await ports.runs.active())
    assert run.phase is Phase.DONE
    assert await database.process_runs.count_documents({}) == 1
    await assert_each_once(pipeline, database, run)


async def test_a_claim_whose_reply_was_lost_is_its_claimer_s_all_the_same(
    database: Database,
) -> None:
    ports = Ports.on(database)
    ports.ledger = lost = Failpoint(ports.ledger, "claim", "after", times=1)
    pipeline = SmallPipeline(database, ports)
    run = await pipeline.run_to_its_end(await pipeline.start(QUANTITY))
    assert lost.failed == 1
    assert await database.jobs.count_documents({"deliveries": {"$gt": 1}}) == 0
    assert set(pipeline.handler.calls.values()) == {1}
    await assert_each_once(pipeline, database, run)
