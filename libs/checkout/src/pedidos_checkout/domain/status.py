"""How a checkout stands, derived from it and its jobs: nothing is counted or stored twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import (
    COMPENSATION,
    FORWARD,
    Ending,
    completing_step,
    next_steps,
    stages_of,
)
from pedidos_checkout.domain.payments import Payment, PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_checkout.domain.steps import Step, step_of
from pedidos_common.domain.jobs import FINAL, Job, JobStatus


class CheckoutState(StrEnum):
    """Where a checkout stands, as the customer sees it."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class Money(StrEnum):
    """What became of the customer's money where a checkout failed."""

    NOT_TAKEN = "not_taken"
    PENDING = "pending"  # it is being given back, until that is certain
    RETURNED = "returned"


NOT_BEGUN = "waiting"
DOING: Mapping[Step, str] = {
    Step.PAYMENT: "authorising the payment",
    Step.STOCK: "reserving the products",
    Step.ORDER: "creating the order",
    Step.CAPTURE: "taking the payment",
}
ASKING = "waiting for you to confirm the payment"
FORGOTTEN = "it did not come about, and its details are no longer kept"
# of a payment whose jobs are gone; where it was taken and nothing came of it nobody can say
MONEY: Mapping[PaymentStatus, Money] = {
    PaymentStatus.NEW: Money.NOT_TAKEN,
    PaymentStatus.REQUIRES_ACTION: Money.NOT_TAKEN,
    PaymentStatus.DECLINED: Money.NOT_TAKEN,
    PaymentStatus.VOIDED: Money.RETURNED,
    PaymentStatus.REFUNDED: Money.RETURNED,
}
OUR_FAULT = "we could not complete it for a technical reason: please place it anew"


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One step; `state` is its job's status, or `waiting` where it has no job yet.

    `outcome` is how it ended, in the flow's words; None while it has not.
    """

    step: Step
    state: str = NOT_BEGUN
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    retries: int = 0
    outcome: Ending | None = None


@dataclass(frozen=True, slots=True)
class CheckoutStatus:
    """How a checkout stands.

    `progress` is in percent of the way to a confirmed order. `order` is set once that is
    confirmed; `error`, `code` and `money` where it failed. `processing_ms` counts from when it
    was accepted to when it was completed or failed, or to now. While it `waits_for_customer`
    nothing of ours keeps it.
    """

    state: CheckoutState
    progress: int
    message: str
    processing_ms: int
    retries: int
    steps: Sequence[StepSeen]
    order: PlacedOrder | None = None
    error: str | None = None
    code: Ending | None = None
    money: Money | None = None
    waits_for_customer: bool = False

    @property
    def is_final(self) -> bool:
        """Whether state and money will not change any more."""
        over = self.state in {CheckoutState.COMPLETED, CheckoutState.FAILED}
        return over and self.money is not Money.PENDING


def status_of(
    checkout: Checkout,
    jobs: Iterable[Job],
    order: PlacedOrder | None = None,
    *,
    payment: Payment | None = None,
    now: datetime | None = None,
) -> CheckoutStatus:
    """How the checkout stands; `jobs` are its own, `now` is the database server's time.

    Where `is_forgotten` it is what `order` and `payment`, as they are stored, still tell.
    """
    known = _by_step(jobs)
    failed = _failed_step(known)
    if failed is not None or COMPENSATION & known.keys():
        return _failed(checkout, known, failed, now)
    if ending_of(known.get(completing_step(checkout))) is Ending.DONE:
        ended_at = known[completing_step(checkout)].settled_at
        return _status(checkout, known, CheckoutState.COMPLETED, ended_at, order=order)
    if _is_forgotten(checkout, known):
        return _remembered(checkout, known, order, payment)
    begun = any(job.first_claimed_at for job in known.values())
    state = CheckoutState.PROCESSING if begun else CheckoutState.QUEUED
    return _status(checkout, known, state, now)


def is_forgotten(checkout: Checkout, jobs: Iterable[Job]) -> bool:
    """Whether jobs that would tell how it stands are not kept any more: its first one is gone."""
    return _is_forgotten(checkout, _by_step(jobs))


def ending_of(job: Job | None) -> Ending | None:
    """How a step's job ended; None while it has not."""
    if job is None or job.status not in FINAL:
        return None
    if job.status is not JobStatus.SUCCEEDED:
        return Ending.GIVEN_UP
    refused = job.result.get("refused")
    return Ending(refused) if refused else Ending.DONE


def _by_step(jobs: Iterable[Job]) -> dict[Step, Job]:
    return {step: job for job in jobs if (step := step_of(job.id)) is not None}


def _is_forgotten(checkout: Checkout, known: Mapping[Step, Job]) -> bool:
    # jobs are removed oldest first, and the first one is in the ledger before a checkout is begun
    return checkout.is_begun and stages_of(checkout)[0][0] not in known


def _remembered(
    checkout: Checkout,
    known: Mapping[Step, Job],
    order: PlacedOrder | None,
    payment: Payment | None,
) -> CheckoutStatus:
    if order is not None and order.status is PlacedStatus.CONFIRMED:
        at = order.confirmed_at
        return _status(checkout, known, CheckoutState.COMPLETED, at, order=order)
    taken = payment is not None and payment.status is PaymentStatus.CAPTURED
    at = payment.updated_at if payment else None
    if taken and not checkout.lines:
        return _status(checkout, known, CheckoutState.COMPLETED, at)
    money = MONEY.get(payment.status) if payment else Money.NOT_TAKEN
    return _status(
        checkout,
        known,
        CheckoutState.FAILED,
        at,
        error=FORGOTTEN,
        code=Ending.GIVEN_UP,
        money=money,
    )


def _failed_step(known: Mapping[Step, Job]) -> Step | None:
    ended = {step: ending_of(known[step]) for step in Step if step in FORWARD and step in known}
    return next((s for s, e in ended.items() if e not in {None, Ending.DONE}), None)


def _failed(
    checkout: Checkout, known: Mapping[Step, Job], failed: Step | None, now: datetime | None
) -> CheckoutStatus:
    # a step that was sent again after its compensation began has no ending for a moment
    job = known[failed] if failed else None
    code = ending_of(job) or Ending.GIVEN_UP
    error = str(job.result.get("error", OUR_FAULT)) if job else OUR_FAULT
    money = _money(checkout, known, failed, code)
    ended_at = job.settled_at if job else now
    return _status(
        checkout, known, CheckoutState.FAILED, ended_at, error=error, code=code, money=money
    )


def _money(
    checkout: Checkout, known: Mapping[Step, Job], failed: Step | None, code: Ending
) -> Money:
    undo = known.get(Step.UNDO_PAYMENT)
    if undo is not None and ending_of(undo) is Ending.DONE:
        returned = undo.result.get("payment") in {"voided", "refunded"}
        return Money.RETURNED if returned else Money.NOT_TAKEN
    is_due = failed is not None and Step.UNDO_PAYMENT in next_steps(checkout, failed, code)
    return Money.PENDING if undo is not None or is_due else Money.NOT_TAKEN


def _status(
    checkout: Checkout,
    known: Mapping[Step, Job],
    state: CheckoutState,
    until: datetime | None,
    *,
    order: PlacedOrder | None = None,
    error: str | None = None,
    code: Ending | None = None,
    money: Money | None = None,
) -> CheckoutStatus:
    return CheckoutStatus(
        state=state,
        progress=100 if state is CheckoutState.COMPLETED else _progress(checkout, known),
        message=error or _message(checkout, known, state),
        processing_ms=_milliseconds(checkout, known, until),
        retries=sum(job.attempts + job.lost for job in known.values()),
        steps=[
            _seen(step, known.get(step), _due_at(checkout, known, step))
            for step in _to_show(checkout, known)
        ],
        order=order,
        error=error,
        code=code,
        money=money,
        waits_for_customer=_waits_for_customer(known),
    )


def _way(checkout: Checkout) -> list[Step]:
    """The steps up to the confirmed order."""
    steps = [step for stage in stages_of(checkout) for step in stage]
    return steps[: steps.index(completing_step(checkout)) + 1]


def _to_show(checkout: Checkout, known: Mapping[Step, Job]) -> list[Step]:
    forward = {step for stage in stages_of(checkout) for step in stage}
    if _is_forgotten(checkout, known):
        forward = set()
    return [step for step in Step if step in forward or step in known]


def _progress(checkout: Checkout, known: Mapping[Step, Job]) -> int:
    """A step that was begun counts half."""
    way = _way(checkout)
    done = sum(2 for step in way if ending_of(known.get(step)) is Ending.DONE)
    begun = sum(1 for step in way if _is_begun(known.get(step)))
    return 100 * (done + begun) // (2 * len(way))


def _is_begun(job: Job | None) -> bool:
    return job is not None and job.status not in FINAL and job.first_claimed_at is not None


def _message(checkout: Checkout, known: Mapping[Step, Job], state: CheckoutState) -> str:
    if state is CheckoutState.COMPLETED:
        return "the order is confirmed" if checkout.lines else "the payment was taken"
    if state is CheckoutState.QUEUED:
        return "waiting to be processed"
    at = next(s for s in _way(checkout) if ending_of(known.get(s)) is not Ending.DONE)
    return ASKING if at is Step.PAYMENT and _waits_for_customer(known) else DOING[at]


def _waits_for_customer(known: Mapping[Step, Job]) -> bool:
    job = known.get(Step.PAYMENT)
    return job is not None and ending_of(job) is None and job.result.get("waits") == "customer"


def _milliseconds(checkout: Checkout, known: Mapping[Step, Job], until: datetime | None) -> int:
    moments = [at for job in known.values() for at in (job.claimed_at, job.settled_at) if at]
    until = until or max(moments, default=None)
    if checkout.created_at is None or until is None:
        return 0
    return max(0, round((until - checkout.created_at).total_seconds() * 1000))


def _seen(step: Step, job: Job | None, due_at: datetime | None) -> StepSeen:
    if job is None:
        return StepSeen(step)
    # the ledger knows a job's creation to the second only, and it never is before what caused it
    queued_at = job.created_at if due_at is None else max(job.created_at, due_at)
    return StepSeen(
        step=step,
        state=job.status.value,
        queued_at=queued_at,
        started_at=job.first_claimed_at,
        ended_at=job.settled_at,
        retries=job.attempts + job.lost,
        outcome=ending_of(job),
    )


def _due_at(checkout: Checkout, known: Mapping[Step, Job], step: Step) -> datetime | None:
    """When the step was due: as the one that it follows ended, or the checkout came."""
    if step in stages_of(checkout)[0]:
        return checkout.created_at
    before = (
        job.settled_at
        for done, job in known.items()
        if (ending := ending_of(job)) and step in next_steps(checkout, done, ending)
    )
    return next(before, None)
