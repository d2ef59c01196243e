"""Give money back: void what is held, refund what was taken, until it is certain.

A repeat looks first how the payment stands, and so does whoever was told that it may not do what
it wanted: the payment moved meanwhile, or the provider won't. The latter is an attempt that
failed, with the provider's words, and is made again, ever more seldom, until it is done. Where the
provider knows no payment, our call may still be on its way: it is made again under its own key, so
that whatever comes later under that key is what is undone here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.payments import Payment, PaymentStatus, ProviderPayment
from pedidos_checkout.domain.steps import Step, job_id
from pedidos_checkout.ports import PaymentBook, PaymentProvider, ProviderRefused
from pedidos_checkout.steps.ends import Done, End, NotDone, Waits
from pedidos_checkout.steps.paying import payment_of
from pedidos_common.domain.jobs import Job
from pedidos_common.execution.registry import JobContext

LOOKS = 3
LOOK_AGAIN_SECONDS = 2.0
NEVER_MADE = "none"
THE_CUSTOMERS = {PaymentStatus.DECLINED, PaymentStatus.VOIDED, PaymentStatus.REFUNDED}


@dataclass(frozen=True, slots=True)
class _No:
    """A move that was refused, and the state in which it was asked for."""

    status: PaymentStatus
    error: ProviderRefused


@dataclass(frozen=True, slots=True)
class Refunding:
    """What undoes a payment."""

    provider: PaymentProvider
    book: PaymentBook

    async def undo(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """See to it that the customer's money is the customer's."""
        known = await self.book.begin(payment_of(checkout))
        no: _No | None = None
        for _ in range(LOOKS):
            told = await self._as_it_stands(known, checkout)
            if told is None:
                return Done({"payment": NEVER_MADE})
            if no is not None and no.status is told.status:
                return NotDone(str(no.error))
            if told.status not in THE_CUSTOMERS:
                context.ensure_held()
                told, no = await self._given_back(told, job)
            await self.book.note(known.id, told.status, told.id, told.decline_code)
            if told.status in THE_CUSTOMERS:
                return Done({"payment": told.status.value})
        return Waits("the payment changes while it is undone", LOOK_AGAIN_SECONDS)

    async def _as_it_stands(self, known: Payment, checkout: Checkout) -> ProviderPayment | None:
        """The payment; None where it was never made, and can't come about any more."""
        found = await self.provider.get(known.provider_id) if known.provider_id else None
        found = found or await self.provider.find(known.id)
        if found is not None:
            return found
        key = job_id(checkout, Step.PAYMENT)
        try:
            return await self.provider.authorise(
                key, known.id, known.amount, known.currency, checkout.method or ""
            )
        except ProviderRefused:  # it answers look-ups, so it is this payment that it won't have
            return None

    async def _given_back(
        self, told: ProviderPayment, job: Job
    ) -> tuple[ProviderPayment, _No | None]:
        """The payment behind one move; as it was where that was refused."""
        try:
            if told.status is PaymentStatus.CAPTURED:
                return await self.provider.refund(f"{job.id}:refund", told.id), None
            return await self.provider.void(f"{job.id}:void", told.id), None
        except ProviderRefused as error:
            return told, _No(told.status, error)
