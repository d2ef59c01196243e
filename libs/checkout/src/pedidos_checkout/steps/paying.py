"""The two moves of a payment: authorise it, and later capture it.

Every call carries its job's id as idempotency key, so a repeat of either step is the same call:

- authorise, killed before its call: nothing was asked for; it is asked for now. Killed behind it,
  or without an answer: it is looked for under our reference, as keys run out while a job waits for
  long; where it is not there yet, the same key gives the same answer. Killed once that is in our
  book: the book is believed, and the provider is asked only while the payment waits for its
  customer.
- capture, killed before or behind its call: the same key. Killed once our book has it: no call,
  the order is confirmed. Killed behind that: confirming again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_checkout.domain.checkouts import Checkout, Kind
from pedidos_checkout.domain.flow import Ending
from pedidos_checkout.domain.payments import Payment, PaymentStatus, ProviderPayment
from pedidos_checkout.domain.placed_orders import PlacedStatus
from pedidos_checkout.ports import PaymentBook, PaymentProvider, PlacedOrders, ProviderRefused
from pedidos_checkout.steps.ends import Done, End, NotDone, Refused, Waits
from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.jobs import Job
from pedidos_common.execution.registry import JobContext

DECLINED = "the card was declined: please place the order anew with another way to pay"
NOT_TAKEN_ON = "the provider does not take this way to pay: please choose another one"
ENDED = "the payment was ended before the order came about: please place the order anew"
LEFT = "the payment was not confirmed in time: please place the order anew"
CANCELLED = "the order was cancelled before it was paid"
# what a provider says where we are at fault, or where the first call under a key was another one
OURS = frozenset(
    {
        "unauthorised",
        "unauthorized",
        "forbidden",
        "idempotency_mismatch",
        "not_found",
        "method_not_allowed",
        "amount_impossible",
    }
)
DECLINES = frozenset({"card_declined", "declined"})
SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 2.0, 15.0


class PaymentMismatch(PedidosError):
    """The provider holds another amount than was asked for."""

    def __init__(self, payment: Payment, told: ProviderPayment) -> None:
        super().__init__(
            f"the provider has payment {payment.id} with {told.amount} {told.currency}, and "
            f"{payment.amount} {payment.currency} was asked for: it is not gone on with"
        )


@dataclass(frozen=True, slots=True)
class Paying:
    """Both moves; `wait_seconds` is how long a customer has to confirm a payment."""

    provider: PaymentProvider
    book: PaymentBook
    orders: PlacedOrders
    wait_seconds: float

    async def authorise(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """Hold the money, or wait until the customer has confirmed that."""
        known = await self.book.begin(payment_of(checkout))
        try:
            known = await self._looked_up(known, checkout, job, context)
        except ProviderRefused as error:
            if error.code in OURS:
                return NotDone(str(error))
            return Refused(Ending.PAYMENT_REFUSED, NOT_TAKEN_ON)
        return self._authorised(known, job)

    async def _looked_up(
        self, known: Payment, checkout: Checkout, job: Job, context: JobContext
    ) -> Payment:
        """The payment as the provider has it, where that may have changed."""
        if known.status not in {PaymentStatus.NEW, PaymentStatus.REQUIRES_ACTION}:
            return known
        told = await self._made_before(known, job)
        if told is None:
            context.ensure_held()
            told = await self.provider.authorise(
                job.id, known.id, known.amount, known.currency, checkout.method or ""
            )
        return await noted(self.book, known, told)

    async def _made_before(self, known: Payment, job: Job) -> ProviderPayment | None:
        """The payment where an earlier call made it, also one whose key ran out since."""
        if known.provider_id is not None:
            return await self.provider.get(known.provider_id)
        return await self.provider.find(known.id) if job.deliveries > 1 else None

    def _authorised(self, known: Payment, job: Job) -> End:
        match known.status:
            case PaymentStatus.AUTHORISED | PaymentStatus.CAPTURED:
                return Done()
            case PaymentStatus.DECLINED:
                return Refused(Ending.CARD_DECLINED, DECLINED)
            case PaymentStatus.VOIDED | PaymentStatus.REFUNDED:
                return Refused(Ending.PAYMENT_ENDED, ENDED)
        waited = waited_seconds(known, job)
        if waited >= self.wait_seconds:
            return Refused(Ending.CUSTOMER_LEFT, LEFT)
        look = min(max(waited / 10, SHORTEST_LOOK_SECONDS), LONGEST_LOOK_SECONDS)
        # a moment behind the end, so that the look at the end comes to an end
        delay = min(look, self.wait_seconds - waited + 0.1)
        return Waits("the customer has to confirm the payment", delay, {"waits": "customer"})

    async def capture(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """Take the money, and confirm the order."""
        known = await self.book.begin(payment_of(checkout))
        if known.status is not PaymentStatus.CAPTURED:
            known, declined = await self._captured(known, job, context)
            if declined:
                return Refused(Ending.CARD_DECLINED, DECLINED)
            if known.status is not PaymentStatus.CAPTURED:
                return Refused(Ending.PAYMENT_ENDED, ENDED)
        return await self._confirmed(checkout, context)

    async def _captured(
        self, known: Payment, job: Job, context: JobContext
    ) -> tuple[Payment, bool]:
        """The payment behind the capture, and whether it was declined then."""
        provider_id = known.provider_id or await self._provider_id(known)
        context.ensure_held()
        try:
            told = await self.provider.capture(job.id, provider_id)
        except ProviderRefused as error:
            found = await self.provider.get(provider_id)
            ended = found is not None and found.status is not PaymentStatus.AUTHORISED
            if found is None or not (ended or error.code in DECLINES):
                raise
            told = found
        is_declined = told.status in {PaymentStatus.AUTHORISED, PaymentStatus.DECLINED}
        return await noted(self.book, known, told), is_declined

    async def _provider_id(self, known: Payment) -> str:
        found = await self.provider.find(known.id)
        if found is None:
            raise PedidosError(f"the provider does not know payment {known.id} any more")
        return found.id

    async def _confirmed(self, checkout: Checkout, context: JobContext) -> End:
        if checkout.kind is Kind.PAYMENT:
            return Done()
        order = await self.orders.confirm(checkout.id, context.fence)
        if order is None or order.status is not PlacedStatus.CONFIRMED:
            return Refused(Ending.ORDER_CANCELLED, CANCELLED)
        return Done({"orderNumber": order.number})

    async def is_captured(self, checkout: Checkout) -> bool:
        """Whether the capture was done to its end."""
        known = await self.book.get(checkout.payment_id)
        if known is None or known.status is not PaymentStatus.CAPTURED:
            return False
        order = await self.orders.of_checkout(checkout.id)
        is_confirmed = order is not None and order.status is PlacedStatus.CONFIRMED
        return checkout.kind is Kind.PAYMENT or is_confirmed


def payment_of(checkout: Checkout) -> Payment:
    """A checkout's payment, before anything is known of it."""
    return Payment(checkout.payment_id, checkout.id, checkout.total, checkout.currency)


async def noted(book: PaymentBook, known: Payment, told: ProviderPayment) -> Payment:
    """Write down what the provider told; the payment as it stands, by whoever told of it last.

    Raises:
        PaymentMismatch: when it tells of another amount.
    """
    if (told.amount, told.currency) != (known.amount, known.currency):
        raise PaymentMismatch(known, told)
    await book.note(known.id, told.status, told.id, told.decline_code)
    return await book.get(known.id) or known


def waited_seconds(known: Payment, job: Job) -> float:
    """For how long the customer is waited for, on the database server's clock.

    Counted from when the payment asked for it, not from when it was placed: what waited long in
    a queue leaves its customer no less time.
    """
    now = job.claimed_at or job.created_at
    return max(0.0, (now - (known.updated_at or now)).total_seconds())
