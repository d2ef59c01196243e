"""What customers are told: that their order is confirmed, or how to go on where it is not.

A message may be sent twice, where its worker was killed between sending and saying so: each has
an id that every try carries, by which providers and mailboxes know a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_checkout.domain.status import Money, status_of
from pedidos_checkout.ports import (
    Mail,
    MailSender,
    PlacedOrders,
    ProviderRefused,
    SmsSender,
    TextMessage,
)
from pedidos_checkout.steps.ends import Done, End, Impossible
from pedidos_checkout.steps.texts import confirmation_mail, order_text, recovery_mail
from pedidos_common.domain.errors import PedidosError
from pedidos_common.domain.jobs import Job
from pedidos_common.execution.registry import JobContext
from pedidos_common.ports import JobLedger

NO_SENDER = "no server to send it with is set"


@dataclass(frozen=True, slots=True)
class Telling:
    """Mails and text messages; a sender that is not set sends nothing, and says so."""

    orders: PlacedOrders
    ledger: JobLedger
    mails: MailSender | None = None
    texts: SmsSender | None = None

    async def confirm(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """The mail about a confirmed order."""
        order = await self._order(checkout)
        if order.status is not PlacedStatus.CONFIRMED:
            return Done({"skipped": f"the order is {order.status.value}"})
        subject, text = confirmation_mail(order)
        return await self._mailed(checkout, job, context, subject, text)

    async def text(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """The text message about a confirmed order."""
        order, phone = await self._order(checkout), checkout.customer.phone
        if self.texts is None or phone is None:
            return Done({"skipped": NO_SENDER})
        context.ensure_held()
        try:
            await self.texts.send(TextMessage(job.id, phone, order_text(order)))
        except ProviderRefused as error:  # its words may hold the number
            return Impossible(f"the provider of text messages refused it ({error.code})")
        return Done()

    async def recover(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """The mail to a customer whose order did not come about."""
        order = await self.orders.of_checkout(checkout.id)
        if order is not None and order.status is PlacedStatus.CONFIRMED:
            return Done({"skipped": "the order came about"})
        seen = status_of(checkout, [j async for j in self.ledger.of_scope(checkout.id)])
        money = seen.money or Money.NOT_TAKEN
        subject, text = recovery_mail(checkout, seen.error or "", money)
        return await self._mailed(checkout, job, context, subject, text)

    async def _order(self, checkout: Checkout) -> PlacedOrder:
        order = await self.orders.of_checkout(checkout.id)
        if order is None:
            raise PedidosError(f"checkout {checkout.id} is paid and has no order: look at its jobs")
        return order

    async def _mailed(
        self, checkout: Checkout, job: Job, context: JobContext, subject: str, text: str
    ) -> End:
        if self.mails is None:
            return Done({"skipped": NO_SENDER})
        context.ensure_held()
        mail = Mail(job.id.replace(":", "."), checkout.customer.email, subject, text)
        try:
            await self.mails.send(mail)
        except ProviderRefused as error:  # its words may hold the address
            return Impossible(f"the mail server refused it ({error.code})")
        return Done()
