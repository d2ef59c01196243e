"""The guards, how each is taken away, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass

COMMON = "libs/common/src/pedidos_common"
ORCHESTRATOR = "services/orchestrator/src/pedidos_orchestrator"
LEDGER = ("tests/contract/test_job_ledger.py",)
ORDERS = ("tests/contract/test_order_store.py",)
RUNS = ("tests/contract/test_run_store.py",)
EXECUTOR = ("tests/unit/execution/test_executor.py",)
REPAIR = ("tests/unit/orchestrator/test_repair.py", "tests/unit/orchestrator/test_leading.py")
PIPELINE = ("tests/unit/domain/test_pipeline.py", "tests/unit/orchestrator/test_whole_runs.py")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard taken away: `before` stands once in the file at `path`, and `after` replaces it."""

    name: str
    path: str
    before: str
    after: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "settle-checks-lease",
        f"{COMMON}/adapters/mongo/job_changes.py",
        ', "lease.id": job.lease and job.lease.id}',
        "}",
        LEDGER,
    ),
    Mutant(
        "lease-id-is-random",
        f"{COMMON}/adapters/mongo/job_changes.py",
        "uuid.uuid4().hex",
        '"the same"',
        LEDGER,
    ),
    Mutant(
        "claim-wants-a-queued-job",
        f"{COMMON}/adapters/mongo/jobs.py",
        '{"_id": job_id, "status": {"$in": sources(JobTrigger.CLAIM)}}',
        '{"_id": job_id}',
        LEDGER,
    ),
    Mutant(
        "expiry-compares-again",
        f"{COMMON}/adapters/mongo/jobs.py",
        ', "lease.id": document["lease"]["id"], **expired}',
        "}",
        ("tests/contract/test_leases.py",),
    ),
    Mutant(
        "expiry-waits-for-the-lease",
        f"{COMMON}/adapters/mongo/job_changes.py",
        '{"$subtract": ["$$NOW", lease_ms]}',
        '"$$NOW"',
        LEDGER,
    ),
    Mutant(
        "heartbeat-checks-lease",
        f"{COMMON}/adapters/mongo/leases.py",
        ', "lease.id": {"$in": list(lease_ids)}}',
        "}",
        ("tests/contract/test_leases.py",),
    ),
    Mutant(
        "fence-ends-with-the-lease",
        f"{COMMON}/adapters/mongo/leases.py",
        '["seenAt"] + self._lease',
        '["seenAt"] + 10 * self._lease',
        ("tests/contract/test_leases.py",),
    ),
    Mutant(
        "only-pending-orders-change",
        f"{COMMON}/adapters/mongo/order_changes.py",
        '"status": OrderStatus.PENDENTE, **in_time}',
        "**in_time}",
        ORDERS,
    ),
    Mutant(
        "writes-end-with-the-lease",
        f"{COMMON}/adapters/mongo/order_changes.py",
        '{"$expr": {"$lt": ["$$NOW", fence]}}',
        "{}",
        ORDERS,
    ),
    Mutant(
        "redriven-orders-stay-out",
        f"{COMMON}/adapters/mongo/order_changes.py",
        ', "firstFailedAt": None}',
        "}",
        ORDERS,
    ),
    Mutant(
        "external-id-is-unique",
        f"{COMMON}/adapters/mongo/indexes.py",
        'name="external_id_once",\n        unique=True,',
        'name="external_id_once",',
        ("tests/integration/test_generation.py",),
    ),
    Mutant(
        "one-active-run",
        f"{COMMON}/adapters/mongo/indexes.py",
        'name="one_active", unique=True,',
        'name="one_active",',
        RUNS,
    ),
    Mutant(
        "leader-epoch-of-a-move",
        f"{COMMON}/adapters/mongo/runs.py",
        '"phase": run.phase, "epoch": {"$lte": epoch}}',
        '"phase": run.phase}',
        RUNS,
    ),
    Mutant(
        "leader-epoch-of-figures",
        f"{COMMON}/adapters/mongo/runs.py",
        '{"_id": str(run_id), "epoch": {"$lte": epoch}}',
        '{"_id": str(run_id)}',
        RUNS,
    ),
    Mutant(
        "writes-are-durable",
        f"{COMMON}/adapters/mongo/client.py",
        'WriteConcern(w="majority", j=True, wtimeout=20_000)',
        "WriteConcern(w=1)",
        ("tests/unit/runtime_parts/test_durability.py",),
    ),
    Mutant(
        "what-is-remembered-is-confirmed",
        f"{COMMON}/adapters/mongo/client.py",
        'ReadConcern("majority")',
        'ReadConcern("local")',
        ("tests/faults/test_unconfirmed.py",),
    ),
    Mutant(
        "a-zombies-chunk-is-confirmed",
        f"{COMMON}/adapters/mongo/orders.py",
        "confirmed(self._orders).find(range_filter(orders.range)",
        "self._orders.find(range_filter(orders.range)",
        ("tests/faults/test_unconfirmed.py",),
    ),
    Mutant(
        "barrier",
        f"{COMMON}/domain/pipeline.py",
        "view.drained(Priority.VIP)",
        "True",
        PIPELINE,
    ),
    Mutant(
        "barrier-waits-for-split-parts",
        f"{COMMON}/domain/run_view.py",
        "place_of(part).priority is priority for part in self._split_open",
        "False for part in self._split_open",
        PIPELINE,
    ),
    Mutant(
        "a-batch-counts-once",
        f"{COMMON}/domain/run_view.py",
        "        if mask >> index & 1:\n            return\n",
        "",
        (*PIPELINE, "tests/unit/orchestrator"),
    ),
    Mutant(
        "claim-asks-whether-the-run-is-open",
        f"{COMMON}/execution/executor.py",
        "if not await self._gate.is_open(job.scope):",
        "if False:",
        EXECUTOR,
    ),
    Mutant(
        "a-suspect-is-run-alone",
        f"{COMMON}/execution/executor.py",
        "if function is None or not is_suspect(job) or must_give_up(job, function):",
        "if True:",
        EXECUTOR,
    ),
    Mutant(
        "a-lease-ends-with-the-deadline",
        f"{COMMON}/execution/leases.py",
        "if not held.lost and now < held.deadline",
        "if not held.lost",
        ("tests/unit/execution/test_heartbeat.py",),
    ),
    Mutant(
        "lost-rings-are-rung-again",
        f"{ORCHESTRATOR}/engine/reconcile.py",
        "        await self._ring_lost(silent, emptied_at)\n",
        "",
        REPAIR,
    ),
    Mutant(
        "an-emptied-broker-is-noticed",
        f"{ORCHESTRATOR}/engine/reconcile.py",
        "return self._monotonic() if emptied else None",
        "return None",
        REPAIR,
    ),
    Mutant(
        "no-expiry-right-after-an-outage",
        f"{ORCHESTRATOR}/engine/reconcile.py",
        "<= self._patience.trust_after_seconds:",
        "< 0:",
        REPAIR,
    ),
    Mutant(
        "a-try-that-failed-begins-trust-anew",
        f"{ORCHESTRATOR}/engine/leader.py",
        "            self._answered_at = -math.inf\n            raise",
        "            raise",
        REPAIR,
    ),
    Mutant(
        "a-successor-takes-back-its-own-name-alone",
        f"{COMMON}/adapters/mongo/job_changes.py",
        ', "lease.worker": worker}',
        "}",
        LEDGER,
    ),
    Mutant(
        "a-successor-takes-back",
        f"{COMMON}/execution/process.py",
        "    await _take_back(duties.name, around, stop)\n",
        "",
        ("tests/unit/execution/test_process.py",),
    ),
    Mutant(
        "a-settle-is-asked-again-by-who-did-it",
        f"{COMMON}/adapters/mongo/job_changes.py",
        '{"_id": job.id, "settledLease": job.lease and job.lease.id}',
        '{"_id": job.id, "lease": None}',
        LEDGER,
    ),
    Mutant(
        "a-claim-is-asked-again-under-its-lease-id",
        f"{COMMON}/adapters/mongo/jobs.py",
        '{"_id": job_id, "lease.id": lease_id},',
        '{"_id": job_id},',
        LEDGER,
    ),
    Mutant(
        "who-can-not-ring-gives-way",
        f"{ORCHESTRATOR}/engine/giving_way.py",
        "if self._leads and await self._must_give_way():",
        "if self._leads and not self._leads:",
        ("tests/unit/orchestrator/test_giving_way.py",),
    ),
    Mutant(
        "who-gives-way-stands-back",
        f"{ORCHESTRATOR}/engine/giving_way.py",
        "if self._monotonic() - self._gave_way_at < STAND_BACK_SECONDS:",
        "if self._monotonic() < self._gave_way_at:",
        ("tests/unit/orchestrator/test_giving_way.py",),
    ),
    Mutant(
        "who-is-alone-gives-no-way",
        f"{ORCHESTRATOR}/engine/giving_way.py",
        "seen.report.service == self._service for seen in live) > 1",
        "seen.report.service == self._service for seen in live) > 0",
        ("tests/unit/orchestrator/test_giving_way.py",),
    ),
)
