"""The steps of a checkout: their names, queues, bands, and the ids of their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_common.domain import queues
from pedidos_common.domain.jobs import Band


class Step(StrEnum):
    """The last part of a job's id: what it does for its checkout."""

    PAYMENT = "payment"
    STOCK = "stock"
    ORDER = "order"
    CAPTURE = "capture"
    INVENTORY = "inventory"
    CONFIRMATION = "confirmation"
    SMS = "sms"
    UNDO_PAYMENT = "undo-payment"
    UNDO_STOCK = "undo-stock"
    UNDO_ORDER = "undo-order"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class StepKind:
    """Which function does a step, in which queue, how urgently."""

    function: str
    queue: str
    band: Band


KINDS: Mapping[Step, StepKind] = {
    Step.PAYMENT: StepKind("process-payment", queues.PAYMENT_PROCESSING, Band.CRITICAL),
    Step.STOCK: StepKind("reserve-stock", queues.INVENTORY, Band.HIGH),
    Step.ORDER: StepKind("create-order", queues.ORDER_PROCESSING, Band.HIGH),
    Step.CAPTURE: StepKind("capture-payment", queues.PAYMENT_PROCESSING, Band.CRITICAL),
    Step.INVENTORY: StepKind("update-inventory", queues.INVENTORY, Band.HIGH),
    Step.CONFIRMATION: StepKind("send-order-confirmation", queues.EMAIL_NOTIFICATIONS, Band.NORMAL),
    Step.SMS: StepKind("send-order-sms", queues.SMS_NOTIFICATIONS, Band.NORMAL),
    Step.UNDO_PAYMENT: StepKind("refund-payment", queues.PAYMENT_PROCESSING, Band.CRITICAL),
    Step.UNDO_STOCK: StepKind("release-stock", queues.INVENTORY, Band.HIGH),
    Step.UNDO_ORDER: StepKind("cancel-order", queues.ORDER_PROCESSING, Band.HIGH),
    Step.RECOVERY: StepKind("send-recovery-email", queues.EMAIL_NOTIFICATIONS, Band.LOW),
}
RECONCILE = StepKind("reconcile-payments", queues.PAYMENT_PROCESSING, Band.LOW)


def job_id(checkout: Checkout | str, step: Step) -> str:
    """The id of the job that does a step of a checkout (or of the checkout with this id)."""
    scope = checkout if isinstance(checkout, str) else checkout.id
    return f"{scope}:{step}"


def step_of(a_job_id: str) -> Step | None:
    """Which step a job of a checkout does; None for a job of anything else."""
    _scope, _, suffix = a_job_id.partition(":")
    return Step(suffix) if suffix in set(Step) else None
