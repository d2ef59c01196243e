"""Guards of those who work: executors, workers, the engine and what repairs."""

from __future__ import annotations

from tests.mutants.mutant import (
    AFTERMATH,
    BATCHES,
    COMMON,
    EXECUTOR,
    EXPLORER,
    HEARTBEAT,
    MACHINE,
    ORCHESTRATOR,
    PIPELINE,
    REPAIR,
    WORKER,
    Mutant,
)

CANCEL = ("tests/unit/orchestrator/test_cancel_and_resume.py",)
SLOTS = ("tests/unit/execution/test_slots.py",)
PROCESS = ("tests/unit/execution/test_process.py",)

WORK_GUARDS = (
    Mutant(
        "settle-follows-the-write",
        f"{WORKER}/process_batch.py",
        "            changed = await self._store.mark_processed(\n"
        "                orders, text, context.fence, first_time=is_first_run(job)\n"
        "            )\n",
        "            changed = len(orders)\n",
        BATCHES,
        also=(EXPLORER,),
    ),
    Mutant(
        "what-is-left-is-tried-again",
        f"{WORKER}/settling.py",
        "if counts.pendente == 0:",
        "if True:",
        BATCHES,
        also=(EXPLORER, MACHINE),
    ),
    Mutant(
        "redelivered-batches-are-counted",
        f"{WORKER}/process_batch.py",
        "if whole.total != len(range_of(job)) or not is_first_run(job):",
        "if False:",
        BATCHES,
        also=(EXPLORER, MACHINE),
    ),
    Mutant(
        "a-failure-counts-when-it-is-written",
        f"{WORKER}/process_batch.py",
        "if written == len(verdicts.failures):",
        "if True:",
        BATCHES,
    ),
    Mutant(
        "a-lease-that-ran-out-stops-its-job",
        f"{COMMON}/execution/leases.py",
        "if not self.held():",
        "if False:",
        (*EXECUTOR, *BATCHES, *HEARTBEAT),
    ),
    Mutant(
        "a-job-that-is-another-s-is-ended",
        f"{COMMON}/execution/leases.py",
        "            held.on_lost()\n",
        "            pass\n",
        (*EXECUTOR, *HEARTBEAT),
    ),
    Mutant(
        "a-settle-under-way-is-not-ended",
        f"{COMMON}/execution/leases.py",
        " if not held.settling]",
        "]",
        (*EXECUTOR, *HEARTBEAT),
    ),
    Mutant(
        "a-hanging-process-ends-itself",
        f"{COMMON}/execution/heartbeat.py",
        "if silent > self._rhythm.hang_seconds:",
        "if False:",
        HEARTBEAT,
    ),
    Mutant(
        "a-paused-queue-is-left-alone",
        f"{COMMON}/ports/processes.py",
        "return self.everything == RUNNING and self.of(queue) != PAUSED",
        "return True",
        PROCESS,
    ),
    Mutant(
        "a-closed-queue-is-left-alone",
        f"{COMMON}/ports/processes.py",
        "return self.everything == RUNNING and self.of(queue) != PAUSED",
        "return self.everything != PAUSED and self.of(queue) != PAUSED",
        PROCESS,
    ),
    Mutant(
        "one-paused-queue-is-left-alone",
        f"{COMMON}/ports/processes.py",
        "return self.everything == RUNNING and self.of(queue) != PAUSED",
        "return self.everything == RUNNING",
        PROCESS,
    ),
    Mutant(
        "a-queue-has-slots-of-its-own",
        f"{COMMON}/execution/slots.py",
        "if queue is not None and queue in self.own:",
        "if False:",
        SLOTS,
    ),
    Mutant(
        "a-queue-keeps-to-its-rate",
        f"{COMMON}/execution/turns.py",
        "if rate is None or self._turnstile is None:",
        "if True:",
        SLOTS,
    ),
    Mutant(
        "a-cancelled-batch-is-not-final",
        f"{COMMON}/domain/run_view.py",
        "if job.status is JobStatus.CANCELLED:",
        "if False:",
        PIPELINE,
    ),
    Mutant(
        "a-cancel-waits-for-what-runs",
        f"{ORCHESTRATOR}/engine/abort.py",
        "if await ledger.running(run.scope):",
        "if False:",
        CANCEL,
    ),
    Mutant(
        "who-does-not-lead-does-nothing",
        f"{ORCHESTRATOR}/engine/loop.py",
        "epoch = self._leadership.epoch\n",
        "epoch = self._leadership.epoch or 1\n",
        REPAIR,
    ),
    Mutant(
        "a-failed-step-is-forgotten",
        f"{ORCHESTRATOR}/engine/loop.py",
        "        self.failures += 1\n        self._engine.forget()\n",
        "        self.failures += 1\n",
        REPAIR,
    ),
    Mutant(
        "zombies-orders-are-swept",
        f"{ORCHESTRATOR}/engine/zombies.py",
        'return run.hidden or bool((run.cancelled or {}).get("removePending"))',
        "return False",
        AFTERMATH,
    ),
    Mutant(
        "zombies-jobs-are-cancelled",
        f"{ORCHESTRATOR}/engine/zombies.py",
        "        await self._ledger.cancel_scope(str(run_id))\n",
        "",
        AFTERMATH,
    ),
    Mutant(
        "a-sweep-spares-what-was-sent-again",
        f"{ORCHESTRATOR}/engine/zombies.py",
        " if record.failed_at is None]",
        "]",
        AFTERMATH,
    ),
    Mutant(
        "a-swept-run-is-not-resumed",
        f"{ORCHESTRATOR}/engine/zombies.py",
        "(run is not None and not await self._close(run))",
        "False",
        AFTERMATH,
    ),
)
