"""The product with one guard taken away, for the explorer to find what it protects from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

from pedidos_common.adapters.mongo import job_changes, jobs, order_changes
from pedidos_common.domain.jobs import Job, JobStatus, Outcome, Succeeded
from pedidos_common.domain.run_view import RunView
from pedidos_common.ports import Bell
from pedidos_orchestrator.engine.lost_rings import LostRings
from pedidos_orchestrator.engine.reconcile import Reconciler
from pedidos_worker import process_batch
from tests.model.product import Product

Document = dict[str, Any]
Weakening = Callable[[], AbstractContextManager[object]]


def _held_by_status_alone(job: Job) -> Document:
    return {"_id": job.id, "status": job.status}


def _counted_id(_turn: int, deliveries: int) -> UUID:
    """A counter in the document: a rollback takes it back, and the next claim has it again."""
    return UUID(int=deliveries)


def _pending_for_ever(query: Document, _fence: datetime) -> Document:
    return {**query, "status": "pendente"}


def _in_time_alone(query: Document, fence: datetime) -> Document:
    return {**query, "$expr": {"$lt": ["$$NOW", fence]}}


def _or_running(job_id: str) -> Document:
    return {"_id": job_id, "status": {"$in": [JobStatus.QUEUED, JobStatus.RUNNING]}}


def _any_running(_lease_ms: int) -> Document:
    return {"status": JobStatus.RUNNING}


async def _expire_whatever_is_there(
    ledger: Any, _scope_is_open: Callable[[str], Awaitable[bool]]
) -> int:
    found = ledger._jobs.find(job_changes.expired(ledger._lease_ms))
    for document in [document async for document in found]:
        still = {"_id": document["_id"]}
        await ledger._jobs.update_one(still, job_changes.expiry(scope_is_open=True))
    return 0


async def _nothing(*_given: object) -> None:
    return None


async def _none_due(_ledger: Any, _limit: int) -> Sequence[Bell]:
    return []


async def _done_unwritten(*_given: object) -> Outcome:
    return Succeeded({"processed": 1, "failed": 0})


def _done_whatever_is_left(*_given: object) -> Outcome:
    return Succeeded({"processed": 1, "failed": 0})


_counted = process_batch.BatchProcessing._outcome


async def _counted_as_changed(
    processing: Any, job: Job, processed: int, failed: int, wait: float | None
) -> Outcome:
    if job.deliveries > 1:
        return Succeeded({"processed": processed, "failed": failed})
    return await _counted(processing, job, processed, failed, wait)


def _replaced(owner: object, name: str, by: object) -> Weakening:
    return lambda: patch.object(owner, name, by)


WEAKENED: Mapping[str, Weakening] = {
    "settle_checks_lease": _replaced(job_changes, "held_by", _held_by_status_alone),
    "lease_id_is_random": _replaced(Product, "new_id", staticmethod(_counted_id)),
    "writes_end_with_the_lease": _replaced(order_changes, "pending", _pending_for_ever),
    "only_pending_orders_change": _replaced(order_changes, "pending", _in_time_alone),
    "claim_wants_a_queued_job": _replaced(job_changes, "claimable", _or_running),
    "expiry_waits_for_the_lease": _replaced(job_changes, "expired", _any_running),
    "expiry_compares_again": _replaced(
        jobs.MongoJobLedger, "expire_leases", _expire_whatever_is_there
    ),
    "leases_expire": _replaced(Reconciler, "_expire", _nothing),
    "lost_rings_are_rung_again": _replaced(LostRings, "ring", _nothing),
    "retries_come_due": _replaced(jobs.MongoJobLedger, "release_due", _none_due),
    "barrier_holds": _replaced(RunView, "drained", lambda _view, _priority: True),
    "settle_follows_the_write": _replaced(
        process_batch.BatchProcessing, "_process_unseen", _done_unwritten
    ),
    "what_is_left_is_tried_again": _replaced(process_batch, "outcome_of", _done_whatever_is_left),
    "redelivered_batches_are_counted": _replaced(
        process_batch.BatchProcessing, "_outcome", _counted_as_changed
    ),
}
