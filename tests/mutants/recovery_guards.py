"""Guards of who is gone, who leads, and what a lost reply means."""

from __future__ import annotations

from tests.mutants.mutant import (
    COMMON,
    EXECUTOR,
    LEDGER,
    MACHINE,
    ORCHESTRATOR,
    REPAIR,
    Mutant,
)

GIVING_WAY = ("tests/unit/orchestrator/test_giving_way.py",)

RECOVERY_GUARDS = (
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
        "    await _take_back(duties.name, around, stop, jobs)\n",
        "",
        ("tests/unit/execution/test_process.py",),
    ),
    Mutant(
        "each-claim-has-a-lease-id-of-its-own",
        f"{COMMON}/execution/asking.py",
        "uuid.uuid4().hex",
        '"the same"',
        MACHINE,
    ),
    Mutant(
        "a-job-is-given-up-until-it-is",
        f"{COMMON}/execution/asking.py",
        "                if self._gives_up(give_up_at):\n                    return\n",
        "                return\n",
        EXECUTOR,
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
        GIVING_WAY,
    ),
    Mutant(
        "who-gives-way-stands-back",
        f"{ORCHESTRATOR}/engine/giving_way.py",
        "if self._monotonic() - self._gave_way_at < STAND_BACK_SECONDS:",
        "if self._monotonic() < self._gave_way_at:",
        GIVING_WAY,
    ),
    Mutant(
        "who-is-alone-gives-no-way",
        f"{ORCHESTRATOR}/engine/giving_way.py",
        "seen.report.service == self._service for seen in live) > 1",
        "seen.report.service == self._service for seen in live) > 0",
        GIVING_WAY,
    ),
)
