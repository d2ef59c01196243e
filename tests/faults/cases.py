"""Every failpoint, with who meets it and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.hooks.points import Point
from tests.faults.hurting import Provoke
from tests.faults.provoking import (
    a_cancel,
    a_cancel_that_workers_see_first,
    a_clean,
    a_dry_run,
    a_failing_run,
    a_group_redrive,
    a_paused_run,
    a_queue_pause,
    a_redrive,
    a_reset,
    a_resume,
    a_run,
    a_slow_run,
    a_stopped_leader,
    a_stopped_worker,
    an_erasure,
    an_import,
    hopeless,
    suspects,
)


@dataclass(frozen=True, slots=True)
class Case:
    """Failpoints that processes of one role come to in the same way; `together`: at once."""

    role: str
    provoke: Provoke
    points: tuple[Point, ...]
    together: bool = False


def _of(owner: str, *methods: str) -> tuple[Point, ...]:
    return tuple(Point(owner, method) for method in methods)


def _settles(*outcomes: str) -> tuple[Point, ...]:
    return tuple(Point("MongoJobLedger", "settle", outcome) for outcome in outcomes)


_LEDGER, _ORDERS, _RUNS, _IMPORTS = (
    *("MongoJobLedger", "MongoOrderStore", "MongoRunStore", "MongoImportStore"),
)
_BY_PROVOCATION: Mapping[tuple[str, Provoke], tuple[Point, ...]] = {
    ("generator", a_slow_run): _of(_ORDERS, "insert_chunk"),
    ("worker", a_slow_run): (
        *(*_of(_LEDGER, "claim"), *_settles("Succeeded"), *_of(_ORDERS, "mark_processed")),
        *(*_of("RingWorker", "_take"), *_of("RedisEvents", "publish")),
        *_of("MongoLeaseKeeper", "beat"),
        *_of("RedisTurnstile", "enter"),
    ),
    ("worker", a_failing_run): (
        *(*_of(_ORDERS, "mark_each", "mark_failures"), *_settles("Retry")),
        *_of("RedisLogGathering", "append"),
    ),
    ("worker", suspects): _of(_LEDGER, "note_probe"),
    ("worker", hopeless): (*_of(_ORDERS, "fail_rest"), *_settles("Failed")),
    ("worker", a_stopped_worker): (
        *(*_settles("Released"), *_of("MongoLeaseKeeper", "farewell")),
        *_of(_LEDGER, "take_back"),
    ),
    ("worker", a_cancel_that_workers_see_first): _settles("Cancelled"),
    ("orchestrator", a_run): (
        *(*_of(_LEDGER, "create"), *_of("ArqTransport", "ring", "was_emptied")),
        *_of(_RUNS, "start", "move", "project", "annotate"),
        *_of("MongoLeaderLease", "acquire"),
    ),
    ("orchestrator", a_failing_run): _of(_LEDGER, "release_due"),
    ("orchestrator", a_slow_run): _of(_LEDGER, "expire_leases"),
    ("orchestrator", a_paused_run): (*_of(_LEDGER, "rang"), *_of("MongoQueueState", "write")),
    ("orchestrator", a_stopped_leader): (
        *(*_of("MongoLeaderLease", "release"), *_of(_RUNS, "mark_expired")),
        *(*_of(_ORDERS, "delete_before"), *_of(_IMPORTS, "sweep")),
    ),
    ("orchestrator", a_cancel): (
        *(*_of(_RUNS, "request_abort"), *_of(_LEDGER, "cancel_scope")),
        *(*_of(_ORDERS, "delete_pending"), *_of("ArqTransport", "purge")),
        *_of("RedisLogGathering", "clear"),
    ),
    ("orchestrator", a_resume): (*_of(_RUNS, "resume"), *_of(_LEDGER, "resume_scope")),
    ("orchestrator", an_import): _of(
        _IMPORTS, "begin", "append", "rank_customers", "finish", "forget_rows"
    ),
    ("orchestrator", a_dry_run): _of(_IMPORTS, "discard"),
    ("orchestrator", a_clean): _of(_LEDGER, "remove_settled"),
    ("orchestrator", a_redrive): _of(_ORDERS, "revive"),
    ("orchestrator", a_group_redrive): _of(_LEDGER, "revive"),
    ("orchestrator", a_queue_pause): _of("MongoQueueState", "write_queue"),
    ("orchestrator", an_erasure): _of(_ORDERS, "erase_customer"),
    ("orchestrator", a_reset): (
        *_of(_RUNS, "hold_for_reset", "renew_reset", "forget", "release_reset"),
        *(*_of(_ORDERS, "delete"), *_of(_LEDGER, "remove"), *_of(_IMPORTS, "clear")),
    ),
}
_TOGETHER = frozenset({a_slow_run, a_failing_run})
CASES = tuple(
    Case(role, provoke, points, together=provoke in _TOGETHER and role == "worker")
    for (role, provoke), points in _BY_PROVOCATION.items()
)
