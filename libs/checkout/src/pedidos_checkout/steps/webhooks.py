"""Take in what the payment provider tells by webhook: in any order, late, twice or never.

It only hastens: the payment's step asks the provider itself, so nothing depends on it. A payment
only moves forward, so what is told again says nothing new, and costs a read.
"""

from __future__ import annotations

from enum import StrEnum

from pedidos_checkout.domain.checkouts import ID_PREFIX, PAYMENT_PREFIX
from pedidos_checkout.domain.payments import (
    Payment,
    PaymentEvent,
    PaymentStatus,
    ProviderPayment,
    follows,
)
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import PaymentBook
from pedidos_common.ports import JobLedger

WAITED_FOR = frozenset({PaymentStatus.NEW, PaymentStatus.REQUIRES_ACTION})


class Taken(StrEnum):
    """What became of a webhook."""

    NOTED = "noted"
    OLD = "old"  # nothing new, or nothing of ours


async def take_in(event: PaymentEvent, book: PaymentBook, ledger: JobLedger) -> Taken:
    """Note what is news, and hasten the step that waits for it.

    Raises:
        Unavailable: when MongoDB does not answer; the provider's repeat is taken then.
    """
    told = event.payment
    known = await book.get(told.reference)
    if known is None or not _is_news(known, told):
        return Taken.OLD
    if known.status in WAITED_FOR:  # before it is noted: a repeat after a failure does it again
        checkout_id = ID_PREFIX + told.reference.removeprefix(PAYMENT_PREFIX)
        await ledger.hasten(job_id(checkout_id, Step.PAYMENT))
    noted = await book.note(told.reference, told.status, told.id, told.decline_code)
    return Taken.NOTED if noted else Taken.OLD


def _is_news(known: Payment, told: ProviderPayment) -> bool:
    # another amount is not believed here: the step that asks the provider will complain
    same = (known.amount, known.currency) == (told.amount, told.currency)
    # of a second charge it says nothing about ours: the reconciliation gives that one back
    of_ours = known.provider_id in {None, told.id}
    return same and of_ours and follows(known.status, told.status)
