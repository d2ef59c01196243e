"""Guards of checkout's flow: no charge without its order, no way back that is forgotten."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CHECKOUT = "libs/checkout/src/pedidos_checkout"
STEPS = f"{CHECKOUT}/steps"
ENDS_WELL = ("tests/unit/checkout/test_ends_well.py",)
TOO_LATE = ("tests/unit/checkout/test_too_late.py",)
WEBHOOKS = ("tests/unit/checkout/test_webhooks.py",)
ORDER = ("tests/contract/test_order_of_checkouts.py",)
OVERLOAD = ("tests/unit/api/test_checkout_overload.py",)
LEFT_ALONE = ("tests/unit/api/test_runs_leave_checkouts.py",)
ORCHESTRATOR = "services/orchestrator/src/pedidos_orchestrator"

FLOW_GUARDS = (
    Mutant(
        "what-follows-keeps-its-checkouts-place",
        f"{STEPS}/stepping.py",
        "        age = age_seconds(checkout, job.claimed_at)\n",
        "        age = age_seconds(checkout, None)\n",
        ORDER,
    ),
    Mutant(
        "a-vip-s-checkout-goes-first",
        f"{CHECKOUT}/domain/flow.py",
        "ahead_seconds=min(of_tier + age_seconds, ",
        "ahead_seconds=min(age_seconds, ",
        ORDER,
    ),
    Mutant(
        "a-look-at-a-waiting-payment-holds-up-nobody",
        f"{STEPS}/stepping.py",
        ", fresh=True)",
        ")",
        ORDER,
    ),
    Mutant(
        "what-is-rung-again-keeps-its-place",
        "libs/common/src/pedidos_common/adapters/mongo/job_documents.py",
        "        ahead += max(0.0, document",
        "        ahead += 0 * max(0.0, document",
        ("tests/contract/jobs/test_again.py",),
    ),
    Mutant(
        "slots-hold-in-a-burst",
        f"{ORCHESTRATOR}/use_cases/checkout/here.py",
        "        self._taken += 1\n",
        "",
        OVERLOAD,
    ),
    Mutant(
        "nothing-is-done-here-at-a-paused-queue",
        f"{ORCHESTRATOR}/use_cases/checkout/here.py",
        "[bell for bell in ours if states.is_worked(bell.queue)]",
        "ours",
        OVERLOAD,
    ),
    Mutant(
        "what-is-put-off-counts-for-the-limit",
        f"{ORCHESTRATOR}/use_cases/checkout/ahead.py",
        "return self.ready + self.put_off",
        "return self.ready",
        OVERLOAD,
    ),
    Mutant(
        "what-is-due-first-is-tried-first",
        "libs/common/src/pedidos_common/adapters/mongo/jobs.py",
        '.sort("dueAt", 1)',
        "",
        ("tests/contract/jobs/test_again.py",),
    ),
    Mutant(
        "what-may-come-later-is-undone",
        f"{STEPS}/undoing.py",
        "        key = job_id(checkout, Step.PAYMENT)\n",
        "        return None\n        key = job_id(checkout, Step.PAYMENT)\n",
        ENDS_WELL,
    ),
    Mutant(
        "what-was-taken-is-refunded",
        f"{STEPS}/undoing.py",
        "            if told.status is PaymentStatus.CAPTURED:",
        "            if False:",
        ENDS_WELL,
    ),
    Mutant(
        "a-refused-move-is-an-attempt-that-failed",
        f"{STEPS}/undoing.py",
        "            if no is not None and no.status is told.status:",
        "            if False:",
        ("tests/unit/checkout/test_undoing.py",),
    ),
    Mutant(
        "one-key-for-every-authorisation",
        f"{STEPS}/paying.py",
        "                job.id, known.id, known.amount",
        '                f"{job.id}{job.deliveries}", known.id, known.amount',
        ENDS_WELL,
    ),
    Mutant(
        "a-repeat-looks-before-it-asks",
        f"{STEPS}/paying.py",
        "await self.provider.find(known.id) if job.deliveries > 1 else None",
        "None",
        TOO_LATE,
    ),
    Mutant(
        "failed-looks-count-on-end",
        "libs/common/src/pedidos_common/adapters/mongo/job_changes.py",
        "(0 if outcome.fresh else job.attempts)",
        "job.attempts",
        ("tests/contract/jobs/test_settling.py",),
    ),
    Mutant(
        "a-gateways-no-is-not-the-providers",
        f"{CHECKOUT}/adapters/http/json_calls.py",
        " or not _is_its_own(document):",
        ":",
        ("tests/unit/checkout/test_json_calls.py",),
    ),
    Mutant(
        "look-ups-hide-no-dead-provider",
        "libs/common/src/pedidos_common/domain/breakers.py",
        "return Breaker(changes=breaker.changes) if look_up else CLOSED",
        "return CLOSED",
        ("tests/contract/test_breakers.py",),
    ),
    Mutant(
        "given-up-is-undone",
        f"{STEPS}/stepping.py",
        "return Failed(reason, follow_ups=self._due(checkout, job, Ending.GIVEN_UP))",
        "return Failed(reason)",
        ENDS_WELL,
    ),
    Mutant(
        "no-step-forward-once-the-way-back-began",
        f"{STEPS}/stepping.py",
        "        if self.step not in FORWARD or",
        "        if True or self.step not in FORWARD or",
        TOO_LATE,
    ),
    Mutant(
        "an-order-without-its-stock-is-refused",
        f"{STEPS}/ordering.py",
        "        if not await self.stock.pin(checkout.id, checkout.lines, context.fence):",
        "        if False:",
        TOO_LATE,
    ),
    Mutant(
        "an-undone-order-is-cancelled",
        f"{STEPS}/ordering.py",
        "        await self.orders.cancel(checkout.id)\n",
        "",
        ENDS_WELL,
    ),
    Mutant(
        "an-open-breaker-uses-up-no-attempt",
        f"{STEPS}/stepping.py",
        "            return deferred(error)",
        "            return await self._after_attempt(job, context, str(error))",
        ENDS_WELL,
    ),
    Mutant(
        "a-webhook-that-failed-is-taken-again",
        f"{STEPS}/webhooks.py",
        "    if known.status in WAITED_FOR:",
        (
            "    await book.note(told.reference, told.status, told.id, told.decline_code)\n"
            "    if known.status in WAITED_FOR:"
        ),
        WEBHOOKS,
    ),
    Mutant(
        "a-webhook-of-another-amount-is-not-believed",
        f"{STEPS}/webhooks.py",
        "return same and of_ours and follows(",
        "return of_ours and follows(",
        WEBHOOKS,
    ),
    Mutant(
        "a-webhook-hastens-what-waits",
        f"{STEPS}/webhooks.py",
        "        await ledger.hasten(job_id(checkout_id, Step.PAYMENT))",
        "        pass",
        WEBHOOKS,
    ),
    Mutant(
        "a-reset-leaves-checkouts",
        f"{ORCHESTRATOR}/use_cases/reset.py",
        "remove(keep=ID_PREFIX)",
        "remove()",
        LEFT_ALONE,
    ),
    Mutant(
        "a-clean-leaves-checkouts",
        f"{ORCHESTRATOR}/use_cases/clean.py",
        "if job.scope and not is_checkout(job.scope)",
        "if job.scope",
        LEFT_ALONE,
    ),
)
