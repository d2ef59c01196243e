"""All steps as the job functions of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pedidos_checkout.domain.steps import Step
from pedidos_checkout.ports import (
    CheckoutStore,
    MailSender,
    PaymentBook,
    PaymentProvider,
    PlacedOrders,
    Reconciliations,
    Removals,
    SmsSender,
    Stock,
)
from pedidos_checkout.steps.ends import Do, IsDone
from pedidos_checkout.steps.ordering import Ordering
from pedidos_checkout.steps.paying import Paying
from pedidos_checkout.steps.reconciling import Reconciling
from pedidos_checkout.steps.stepping import Around, StepFunction
from pedidos_checkout.steps.telling import Telling
from pedidos_checkout.steps.undoing import Refunding
from pedidos_common.domain.queues import DEFAULTS, QueuePolicy
from pedidos_common.execution.registry import JobFunction
from pedidos_common.ports import JobLedger


@dataclass(frozen=True, slots=True)
class StepPorts:
    """What the steps stand on, and how long they wait for customers and hold stock.

    Without `reconciliations` or `removals` nothing is compared with the provider.
    """

    checkouts: CheckoutStore
    ledger: JobLedger
    book: PaymentBook
    stock: Stock
    orders: PlacedOrders
    provider: PaymentProvider
    mails: MailSender | None = None
    texts: SmsSender | None = None
    reconciliations: Reconciliations | None = None
    removals: Removals | None = None
    hold_seconds: float = 900.0
    payment_wait_seconds: float = 900.0
    policies: Mapping[str, QueuePolicy] = field(default_factory=lambda: DEFAULTS)


def step_functions(ports: StepPorts) -> Sequence[JobFunction]:
    """The job functions of all steps, and that of the reconciliation."""
    around = Around(ports.checkouts, ports.ledger, ports.policies)
    dones = _dones(ports)
    steps = [
        (
            StepFunction(step, do, around, dones[step])
            if step in dones
            else StepFunction(step, do, around)
        ).as_function()
        for step, do in _dos(ports).items()
    ]
    comparison = reconciling_of(ports)
    return [*steps, comparison.as_function()] if comparison else steps


def reconciling_of(ports: StepPorts) -> Reconciling | None:
    """The comparison with the provider; None where nothing is kept of it."""
    if ports.reconciliations is None or ports.removals is None:
        return None
    return Reconciling(
        provider=ports.provider,
        book=ports.book,
        checkouts=ports.checkouts,
        orders=ports.orders,
        stock=ports.stock,
        ledger=ports.ledger,
        kept=ports.reconciliations,
        removals=ports.removals,
    )


def _dos(ports: StepPorts) -> Mapping[Step, Do]:
    paying, ordering = _paying(ports), _ordering(ports)
    telling = Telling(ports.orders, ports.ledger, ports.mails, ports.texts)
    return {
        Step.PAYMENT: paying.authorise,
        Step.STOCK: ordering.reserve,
        Step.ORDER: ordering.create,
        Step.CAPTURE: paying.capture,
        Step.INVENTORY: ordering.sell,
        Step.CONFIRMATION: telling.confirm,
        Step.SMS: telling.text,
        Step.UNDO_PAYMENT: Refunding(ports.provider, ports.book).undo,
        Step.UNDO_STOCK: ordering.release,
        Step.UNDO_ORDER: ordering.cancel,
        Step.RECOVERY: telling.recover,
    }


def _dones(ports: StepPorts) -> Mapping[Step, IsDone]:
    return {
        Step.CAPTURE: _paying(ports).is_captured,
        Step.ORDER: _ordering(ports).is_created,
    }


def _paying(ports: StepPorts) -> Paying:
    return Paying(ports.provider, ports.book, ports.orders, ports.payment_wait_seconds)


def _ordering(ports: StepPorts) -> Ordering:
    return Ordering(ports.checkouts, ports.stock, ports.orders, ports.hold_seconds)
