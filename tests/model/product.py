"""The product's own code, one operation at a time, over a server that is a dictionary.

Each method says what an operation makes of a job's and an order's state; what depends on the same
things is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch
from uuid import UUID

from bson.timestamp import Timestamp

from pedidos_common.adapters.mongo import job_changes
from pedidos_common.adapters.mongo.job_documents import document_of, job_of
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.ids import order_id
from pedidos_common.domain.jobs import (
    TRIGGER_OF,
    Failed,
    JobStatus,
    JobTrigger,
    Outcome,
    Retry,
    Succeeded,
)
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.ports import Bell
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from pedidos_worker.handlers import BuiltInHandler
from pedidos_worker.process_batch import BatchProcessing
from tests.model.engine_step import engine_step
from tests.model.server import NOW, Collection, Document, matches
from tests.model.small_run import BATCHES, JOBS, RUN, result_of

T = TypeVar("T")
LEASE_SECONDS = 10.0
LEASE_MS = int(LEASE_SECONDS * 1000)
RECENT = NOW - timedelta(seconds=LEASE_SECONDS / 3)
PAST, FUTURE = NOW - timedelta(seconds=2 * LEASE_SECONDS), NOW + timedelta(seconds=LEASE_SECONDS)
OUTCOMES: Mapping[JobTrigger, Outcome] = {
    JobTrigger.SUCCEED: Succeeded(),
    JobTrigger.RETRY: Retry("its order is left", 0.5),
    JobTrigger.FAIL: Failed("given up"),
}


class Record(NamedTuple):
    """What the ledger has of a job; `before` is what a rollback of the last write leaves."""

    status: JobStatus
    lease: str = ""
    deliveries: int = 0
    before: tuple[JobStatus, str, int] | tuple[()] = ()


class Performed(NamedTuple):
    """What performing a batch did: changes of its order, the outcome and the orders it counts."""

    changes: int
    outcome: JobTrigger
    counted: int


def random_id(turn: int, _deliveries: int) -> UUID:
    """A lease id that no other claim of the job ever has."""
    return UUID(int=turn)


@dataclass(frozen=True)
class Context:
    """What a batch may ask of its process, whose own clock tells it nothing of its lease."""

    fence: datetime
    stopping: bool = False

    def ensure_held(self) -> None:
        """A process that is stopped right after this check is none the wiser."""


class Doorbell:
    """Rings of one job; `rung` says whether one is on its way."""

    def __init__(self, rung: bool) -> None:
        self.rung = rung

    async def ring(self, bells: Sequence[Bell]) -> None:
        self.rung = self.rung or bool(bells)

    async def was_emptied(self) -> bool:
        return False

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        return [] if self.rung else bells


def _document(index: int, record: Record, *, alive: bool) -> Document:
    """The job's document; a heart that beats has renewed the lease lately."""
    lease = {"id": record.lease, "worker": "w", "renewedAt": RECENT if alive else PAST}
    return {
        **document_of(BATCHES[index]),
        "createdSeq": Timestamp(int(PAST.timestamp()), 1),
        "status": record.status,
        "deliveries": record.deliveries,
        "lease": lease if record.lease else None,
        "dueAt": PAST,
    }


def _record(document: Document) -> Record:
    lease = document["lease"]
    return Record(document["status"], lease["id"] if lease else "", document["deliveries"])


def _ledger(collection: Collection) -> MongoJobLedger:
    database: Any = {"jobs": collection}
    return MongoJobLedger(database, LEASE_SECONDS)


class Product:
    """The operations; one object for each exploration, as a test may have weakened the product."""

    new_id: Callable[[int, int], UUID] = staticmethod(random_id)

    def __init__(self) -> None:
        self.claim, self.settle = cache(self._claim), cache(self._settle)
        self.perform, self.repair = cache(self._perform), cache(self._repair)
        self.has_ended, self.step = cache(self._has_ended), cache(engine_step)

    # -- the ledger

    def _claim(self, index: int, record: Record, turn: int) -> Record | None:
        """The job as its worker has it; None where the claim finds nothing."""
        jobs = Collection([_document(index, record, alive=True)])
        unique = type(self).new_id(turn, record.deliveries + 1)
        with patch("uuid.uuid4", lambda: unique):
            job = result_of(_ledger(jobs).claim(JOBS[index], "w"))
        return _record(jobs.documents[JOBS[index]]) if job else None

    def _settle(
        self, index: int, record: Record, lease: str, deliveries: int, outcome: JobTrigger
    ) -> Record | None:
        """The job after a settle of who holds that lease; None where it is refused."""
        jobs = Collection([_document(index, record, alive=True)])
        held = _document(index, Record(JobStatus.RUNNING, lease, deliveries), alive=True)
        done = result_of(_ledger(jobs).settle(job_of(held, LEASE_MS), OUTCOMES[outcome]))
        return _record(jobs.documents[JOBS[index]]) if done else None

    # -- a worker

    def _perform(
        self, index: int, lease: str, deliveries: int, zombie: bool, final: bool
    ) -> Performed:
        """Take the batch's order through the built-in handler."""
        held = _document(index, Record(JobStatus.RUNNING, lease, deliveries), alive=True)
        status = "processado" if final else "pendente"
        orders = Collection([{"_id": order_id(RUN.id, index + 1), "status": status}])
        database: Any = {"orders": orders}
        store: Any = MongoOrderStore(database)
        batches = BatchProcessing(store, BuiltInHandler(), OrderPolicy())
        job, context = job_of(held, LEASE_MS), Context(PAST if zombie else FUTURE)
        outcome = result_of(batches.perform(job, context))
        counts: Mapping[str, Any] = getattr(outcome, "result", {})
        counted = int(counts.get("processed", 0)) + int(counts.get("failed", 0))
        return Performed(orders.modified, TRIGGER_OF[type(outcome)], counted)

    # -- repair

    def _has_ended(self, index: int, record: Record, alive: bool) -> bool:
        """Whether the reconciler's search finds the lease at its end."""
        return matches(job_changes.expired(LEASE_MS), _document(index, record, alive=alive))

    def _repair(
        self, index: int, record: Record, alive: bool, rung: bool, spotted: str
    ) -> tuple[Record, bool]:
        """The job, and whether it is rung, after a round of the reconciler that sees only it.

        `spotted` is the lease that an earlier search of this round found at its end.
        """
        former = [_document(index, Record(JobStatus.RUNNING, spotted), alive=False)]
        jobs = Collection([_document(index, record, alive=alive)], former=former if spotted else [])
        bell = Doorbell(rung)
        result_of(_reconciler(_ledger(jobs), bell).round())
        return _record(jobs.documents[JOBS[index]]), bell.rung


def _reconciler(ledger: MongoJobLedger, bell: Doorbell) -> Reconciler:
    """One that leads, and has looked for longer than a lease."""

    async def is_open(_scope: str) -> bool:
        return True

    leadership: Any = type("Leads", (), {"answered_since": 0.0, "epoch": 1})()
    transport: Any = bell
    reconciler = Reconciler(ledger, transport, is_open, leadership, Patience(), lambda: 100.0)
    reconciler._trusted_since = 0.0
    return reconciler
