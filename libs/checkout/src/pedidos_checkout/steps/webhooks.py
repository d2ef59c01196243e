"""Take in what the payment provider tells by webhook: in any order, late, twice or never.

It only hastens: the payment's step asks the provider itself, so nothing depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pedidos_checkout.domain.checkouts import ID_PREFIX, PAYMENT_PREFIX
from pedidos_checkout.domain.payments import PaymentStatus, ProviderPayment
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import PaymentBook, WebhookLog
from pedidos_common.ports import JobLedger


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A webhook whose signature holds; `id` is the same for each time that it is sent."""

    id: str
    payment: ProviderPayment


class Taken(StrEnum):
    """What became of a webhook."""

    NOTED = "noted"
    OLD = "old"  # nothing new, or nothing of ours
    REPEATED = "repeated"


async def take_in(
    event: PaymentEvent, book: PaymentBook, seen: WebhookLog, ledger: JobLedger
) -> Taken:
    """Note what is news, and hasten the step that waits for it.

    Raises:
        Unavailable: when MongoDB does not answer; the provider's repeat is taken then.
    """
    if not await seen.first_time(event.id):
        return Taken.REPEATED
    try:
        return await _taken(event.payment, book, ledger)
    except BaseException:
        await seen.forget(event.id)
        raise


async def _taken(told: ProviderPayment, book: PaymentBook, ledger: JobLedger) -> Taken:
    known = await book.get(told.reference)
    same = known is not None and (known.amount, known.currency) == (told.amount, told.currency)
    # another amount is not believed here: the step that asks the provider will complain
    if not same or not await book.note(told.reference, told.status, told.id, told.decline_code):
        return Taken.OLD
    if told.status is not PaymentStatus.REQUIRES_ACTION:
        checkout_id = ID_PREFIX + told.reference.removeprefix(PAYMENT_PREFIX)
        await ledger.hasten(job_id(checkout_id, Step.PAYMENT))
    return Taken.NOTED
