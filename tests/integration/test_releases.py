"""Stored documents of another release: an older one's lack fields, a newer one's have more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Timestamp

from pedidos_common.adapters.mongo.client import Database, connect, durable
from pedidos_common.adapters.mongo.import_documents import report_of
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoProcesses
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.domain.ids import new_run_id, order_id
from pedidos_common.domain.jobs import Job, JobStatus, Succeeded
from pedidos_common.domain.order_policy import OrderPolicy, policy_of
from pedidos_common.domain.runs import AbortRequest, Phase, Run
from pedidos_common.ports import OrderFilter
from pedidos_common.testing.held_context import HeldContext
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from pedidos_worker.handlers import BuiltInHandler
from pedidos_worker.process_batch import BatchProcessing

RUN_ID = new_run_id(1_735_700_000_000, 1)
RUN = str(RUN_ID)
BATCH = f"{RUN}:vip:000000:00000"
AT = datetime(2025, 1, 1, tzinfo=UTC)
OLD_BATCH: dict[str, Any] = {
    "_id": BATCH,
    "createdSeq": Timestamp(1_735_700_000, 1),
    "function": "orders.process_batch",
    "queue": "orders",
    "band": 1,
    # neither the policy, which the release after it froze into the run, nor what came later
    "payload": {
        "runId": RUN,
        "chunk": 0,
        "index": 0,
        "priority": "VIP",
        "first": 1,
        "last": 3,
    },
    "payloadVersion": 1,
    "scope": RUN,
    "maxDeliveries": 3,
    "trace": None,
    "status": "queued",
    "deliveries": 0,
    "attempts": 0,
    "lease": None,
    "ring": 1,
    "dueAt": None,
    "result": {},
    "error": None,
}
OLD_RUN: dict[str, Any] = {
    "_id": RUN,
    "runId": RUN,
    "phase": "GENERATING",
    "active": True,
    "plan": {
        "quantity": 100,
        "chunkSize": 10,
        "batchSize": 5,
        "normalGroupSize": 10,
        "seed": 1,
        "generatorVersion": 1,
        "source": "generated",
        "importId": None,
        "chunks": 10,
    },
    "settings": {},
    "phases": [{"phase": "GENERATING", "at": AT}],
    "abort": None,
    "error": None,
    "epoch": 1,
    "live": {},
    "createdAt": AT,
}
NEWER = {"colour": {"of": "the next release"}}


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    client = connect(mongo_uri, "releases")
    yield durable(client, mongo_database)
    await client.close()


async def claimed(database: Database) -> Job:
    job = await MongoJobLedger(database, 10.0).claim(BATCH, "w")
    assert job is not None
    return job


async def test_a_job_of_the_first_release_is_taken_read_and_settled(database: Database) -> None:
    await database["jobs"].insert_one(OLD_BATCH)
    job = await claimed(database)
    assert (job.payload_version, job.lost, job.probes, job.refused_since) == (1, 0, 0, None)
    policy = OrderPolicy(max_attempts=7)
    assert policy_of(job.payload, policy) == policy
    store = InMemoryOrderStore(lambda: AT)
    function = BatchProcessing(store, BuiltInHandler(), policy).as_function()
    assert function.understands(job)
    await function.perform(function.in_its_form(job), HeldContext(AT))
    ledger = MongoJobLedger(database, 10.0)
    assert await ledger.settle(job, Succeeded({"processed": 3}))
    settled = await ledger.get(BATCH)
    assert settled is not None
    assert settled.status is JobStatus.SUCCEEDED


async def test_a_job_with_a_newer_release_s_fields_is_taken_and_they_stay(
    database: Database,
) -> None:
    newer = {**OLD_BATCH, **NEWER, "payload": {**OLD_BATCH["payload"], **NEWER}}
    await database["jobs"].insert_one(newer)
    job = await claimed(database)
    assert await MongoJobLedger(database, 10.0).settle(job, Succeeded())
    stored = await database["jobs"].find_one({"_id": BATCH})
    assert stored is not None
    assert stored["colour"] == NEWER["colour"]


async def the_run(database: Database) -> Run:
    run = await MongoRunStore(database).active()
    assert run is not None
    return run


async def test_a_run_of_the_first_release_goes_on(database: Database) -> None:
    await database["process_runs"].insert_one(OLD_RUN)
    run = await the_run(database)
    assert (run.resumes, run.receipt, run.cancelled, run.hidden) == (0, None, None, False)
    moved = await MongoRunStore(database).move(run, Phase.ENQUEUE_VIP, 1)
    assert moved is not None
    assert moved.phase is Phase.ENQUEUE_VIP


async def test_a_run_with_a_newer_release_s_fields_goes_on_and_they_stay(
    database: Database,
) -> None:
    parts = {part: {**OLD_RUN[part], **NEWER} for part in ("plan", "settings", "live")}
    phases = [{**OLD_RUN["phases"][0], **NEWER}]
    abort = {"remove_pending": False, "purge": True, "reset_logs": False, **NEWER}
    newer = {**OLD_RUN, **NEWER, **parts, "phases": phases, "abort": abort}
    await database["process_runs"].insert_one(newer)
    run = await the_run(database)
    assert run.abort == AbortRequest(remove_pending=False)
    assert await MongoRunStore(database).move(run, Phase.ABORTED, 1) is not None
    stored = await database["process_runs"].find_one({"_id": RUN})
    assert stored is not None
    assert (stored["colour"], stored["plan"]["colour"]) == (NEWER["colour"], NEWER["colour"])


async def test_an_order_of_either_release_is_listed(database: Database) -> None:
    order = {
        "_id": order_id(RUN_ID, 1),
        "cliente": "Ana",
        "valor": Decimal128("1.50"),
        "tier": "OURO",
        "priority": "NORMAL",
        "observacoes": "",
        "status": "pendente",
        "createdAt": AT,
    }
    await database["orders"].insert_many(
        [order, {**order, **NEWER, "_id": order_id(RUN_ID, 2), "externalId": "x-2"}]
    )
    page = await MongoOrderStore(database).page(OrderFilter(run_id=RUN_ID), 10, None)
    assert [(one.order.attempts, one.order.external_id) for one in page.items] == [
        (0, None),
        (0, "x-2"),
    ]


async def test_a_process_of_a_newer_release_is_seen(database: Database) -> None:
    newer = {"service": "worker", "host": "h", "pid": 1, "queues": [], "slots": 2, "busy": 0}
    await database["processes"].update_one(
        {"_id": "w"}, {"$set": {**newer, **NEWER}, "$currentDate": {"seenAt": True}}, upsert=True
    )
    assert [seen.report.name for seen in await MongoProcesses(database).live(60.0)] == ["w"]


def test_a_newer_release_s_report_of_an_import_is_read() -> None:
    report = {
        "sha256": "0",
        "size_bytes": 1,
        "rows": 1,
        "accepted": 0,
        "rejected": 1,
        "rejections": [{"line": 2, "reason": "no amount", **NEWER}],
        "tiers": {},
        "tier_rule": False,
        "columns": [{"field": "cliente", "column": "customer", **NEWER}],
        "ignored_columns": [],
        **NEWER,
    }
    read = report_of({"_id": "imp-1", "report": report})
    assert [(one.line, one.reason) for one in read.rejections] == [(2, "no amount")]
