"""The flow of a checkout: which jobs follow when a step ended, one way or another.

`STAGES` is the way forward, `BACK` what a failure calls for; `follow_ups` is their only reader.
`docs/checkout.md` is held equal to both by a test. Ids of jobs follow from their checkout's, so
whoever asks twice creates nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from pedidos_checkout.domain.checkouts import Checkout, Kind
from pedidos_checkout.domain.steps import KINDS, Step, job_id
from pedidos_common.domain.jobs import MOST_AHEAD_SECONDS, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.queues import DEFAULTS, QueuePolicy


class Ending(StrEnum):
    """How a step ended: done, refused for a reason that is the world's, or given up by us."""

    DONE = "done"
    CARD_DECLINED = "card_declined"
    PAYMENT_REFUSED = "payment_refused"  # the provider won't have it at all
    PAYMENT_ENDED = "payment_ended"  # it was voided or refunded behind our back
    CUSTOMER_LEFT = "customer_left"  # what the payment waited for was not done in time
    OUT_OF_STOCK = "out_of_stock"
    HOLD_EXPIRED = "hold_expired"
    ORDER_CANCELLED = "order_cancelled"
    GIVEN_UP = "given_up"


class Shape(StrEnum):
    """The kinds of flow."""

    PAID = "paid"
    FREE = "free"
    PAYMENT_ALONE = "payment_alone"


P, E = Step, Ending
MESSAGES = (P.INVENTORY, P.CONFIRMATION, P.SMS)
# each stage begins when the one before it is done; the steps of a stage go side by side
STAGES: Mapping[Shape, Sequence[Sequence[Step]]] = {
    Shape.PAID: ((P.PAYMENT,), (P.STOCK,), (P.ORDER,), (P.CAPTURE,), MESSAGES),
    Shape.FREE: ((P.STOCK,), (P.ORDER,), MESSAGES),
    Shape.PAYMENT_ALONE: ((P.PAYMENT,), (P.CAPTURE,)),
}
UNDO_ALL = (P.UNDO_ORDER, P.UNDO_STOCK, P.UNDO_PAYMENT, P.RECOVERY)
# a step that is given up may have been carried out, so what it does itself is undone too
BACK: Mapping[tuple[Step, Ending], Sequence[Step]] = {
    (P.PAYMENT, E.CARD_DECLINED): (P.RECOVERY,),
    (P.PAYMENT, E.PAYMENT_REFUSED): (P.UNDO_PAYMENT, P.RECOVERY),
    (P.PAYMENT, E.PAYMENT_ENDED): (P.RECOVERY,),
    (P.PAYMENT, E.CUSTOMER_LEFT): (P.UNDO_PAYMENT, P.RECOVERY),
    (P.PAYMENT, E.GIVEN_UP): (P.UNDO_PAYMENT, P.RECOVERY),
    (P.STOCK, E.OUT_OF_STOCK): (P.UNDO_PAYMENT, P.RECOVERY),
    (P.STOCK, E.GIVEN_UP): (P.UNDO_STOCK, P.UNDO_PAYMENT, P.RECOVERY),
    (P.ORDER, E.HOLD_EXPIRED): (P.UNDO_STOCK, P.UNDO_PAYMENT, P.RECOVERY),
    (P.ORDER, E.ORDER_CANCELLED): UNDO_ALL,
    (P.ORDER, E.GIVEN_UP): UNDO_ALL,
    (P.CAPTURE, E.CARD_DECLINED): UNDO_ALL,
    (P.CAPTURE, E.PAYMENT_ENDED): UNDO_ALL,
    (P.CAPTURE, E.ORDER_CANCELLED): UNDO_ALL,
    (P.CAPTURE, E.GIVEN_UP): UNDO_ALL,
}
FORWARD = frozenset({P.PAYMENT, P.STOCK, P.ORDER, P.CAPTURE})  # what compensation is for
COMPENSATION = frozenset(UNDO_ALL)
UNDOES = COMPENSATION - {P.RECOVERY}
NOT_FOR_A_PAYMENT_ALONE = frozenset({P.UNDO_ORDER, P.UNDO_STOCK, P.RECOVERY})
# workers that may be lost with a job, and with one which has to become certain
MOST_LOST, MOST_LOST_UNDOING = 5, 1_000_000


def shape_of(checkout: Checkout) -> Shape:
    """Which flow the checkout takes."""
    if checkout.kind is Kind.PAYMENT:
        return Shape.PAYMENT_ALONE
    return Shape.PAID if checkout.is_paid else Shape.FREE


def belongs(checkout: Checkout, step: Step) -> bool:
    """Whether there is anything for the step to do in this checkout."""
    match step:
        case P.SMS:
            return checkout.customer.phone is not None
        case P.UNDO_PAYMENT:
            return checkout.is_paid
    return checkout.kind is Kind.CHECKOUT or step not in NOT_FOR_A_PAYMENT_ALONE


def stages_of(checkout: Checkout) -> list[list[Step]]:
    """The checkout's way forward."""
    stages = STAGES[shape_of(checkout)]
    return [[step for step in stage if belongs(checkout, step)] for stage in stages]


def completing_step(checkout: Checkout) -> Step:
    """The step after which the order is the customer's; what comes behind it can't fail it."""
    return Step.CAPTURE if checkout.is_paid else Step.ORDER


def next_steps(checkout: Checkout, step: Step, ending: Ending) -> Sequence[Step]:
    """The steps that are due when `step` ended so."""
    if ending is not Ending.DONE:
        return [due for due in BACK.get((step, ending), ()) if belongs(checkout, due)]
    stages = stages_of(checkout)
    behind = [later for stage, later in pairwise(stages) if step in stage]
    # of a stage whose steps go side by side none leads on: nothing comes behind the last one
    return behind[0] if behind else []


def first_job(checkout: Checkout, policies: Mapping[str, QueuePolicy] = DEFAULTS) -> NewJob:
    """The job that a checkout begins with."""
    return new_job(checkout, stages_of(checkout)[0][0], policies)


def follow_ups(
    checkout: Checkout,
    step: Step,
    ending: Ending,
    policies: Mapping[str, QueuePolicy] = DEFAULTS,
    age_seconds: float = 0.0,
) -> tuple[NewJob, ...]:
    """The jobs that are due when `step` ended so; `age_seconds` as in `new_job`."""
    due = next_steps(checkout, step, ending)
    return tuple(new_job(checkout, one, policies, age_seconds) for one in due)


def age_seconds(checkout: Checkout, at: datetime | None) -> float:
    """For how long the checkout had been accepted; both times are the database server's."""
    if at is None or checkout.created_at is None:
        return 0.0
    return max(0.0, (at - checkout.created_at).total_seconds())


def new_job(
    checkout: Checkout,
    step: Step,
    policies: Mapping[str, QueuePolicy] = DEFAULTS,
    age_seconds: float = 0.0,
) -> NewJob:
    """The job that does `step`; a VIP's has its queue's head start.

    `age_seconds` is how long ago the checkout was accepted: by so much the job goes before what
    is rung with it, so it stands where its checkout does, before first steps of younger ones.
    """
    kind, priority = KINDS[step], checkout.customer.priority
    of_tier = policies[kind.queue].vip_ahead_seconds if priority is Priority.VIP else 0.0
    return NewJob(
        id=job_id(checkout, step),
        function=kind.function,
        queue=kind.queue,
        band=kind.band,
        payload={"checkoutId": checkout.id, "priority": priority.value},
        scope=checkout.id,
        max_deliveries=MOST_LOST_UNDOING if step in UNDOES else MOST_LOST,
        trace=checkout.trace,
        ahead_seconds=min(of_tier + age_seconds, MOST_AHEAD_SECONDS),
    )
