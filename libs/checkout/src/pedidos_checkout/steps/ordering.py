"""Stock and orders: reserve, create the order and pin its stock, sell; and what undoes that.

All of it is ours and fenced by the lease's end, and each change is made once however often it is
asked for, so a repeat finds its own work done, wherever its worker was killed:

- stock: what is held already is held; the rest is held now. A hold that ran out meanwhile is
  taken anew.
- order: pinned stays pinned; the order is there already and is read.
- inventory: what was sold is not held any more, and is left alone. Where nothing can have been
  sold yet, what is not held is missing: a dead letter.
- undo-stock, undo-order: nothing is held any more; a cancelled order stays so.

An order is made of a checkout that was read before. Its customer may be erased meanwhile, in
checkouts first and in orders then, so whoever wrote an order looks at its checkout once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import Ending
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus, order_of
from pedidos_checkout.ports import CheckoutStore, PlacedOrders, Stock
from pedidos_checkout.steps.ends import Done, End, Impossible, Refused
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.orders import ERASED
from pedidos_common.execution.registry import JobContext

EXPIRED = "the products were held for too long and may be sold by now: please place the order anew"
NOT_HELD = (
    "not all products of this confirmed order were held for it any more, so what is missing was "
    "not counted as sold: compare its products with the stock; sent again, this counts as settled"
)
CANCELLED = "the order was cancelled meanwhile"


@dataclass(frozen=True, slots=True)
class Ordering:
    """What a checkout does with stock and orders; holds end after `hold_seconds`."""

    checkouts: CheckoutStore
    stock: Stock
    orders: PlacedOrders
    hold_seconds: float

    async def reserve(self, checkout: Checkout, _job: Job, context: JobContext) -> End:
        """Hold all products of the cart, or none."""
        short = await self.stock.reserve(
            checkout.id, checkout.lines, self.hold_seconds, context.fence
        )
        if not short:
            return Done()
        names = sorted({line.name for line in checkout.lines if line.sku in short})
        return Refused(Ending.OUT_OF_STOCK, f"out of stock: {', '.join(names)}")

    async def create(self, checkout: Checkout, _job: Job, context: JobContext) -> End:
        """Create the order and keep its products for it; confirm it where nothing is to be paid."""
        if not await self.stock.pin(checkout.id, checkout.lines, context.fence):
            return Refused(Ending.HOLD_EXPIRED, EXPIRED)
        order = await self.orders.create(order_of(checkout), context.fence)
        await self._erased_meanwhile(checkout, order)
        if not checkout.is_paid:
            order = await self.orders.confirm(checkout.id, context.fence) or order
        if order.status is PlacedStatus.CANCELLED:
            return Refused(Ending.ORDER_CANCELLED, CANCELLED)
        return Done({"orderNumber": order.number})

    async def _erased_meanwhile(self, checkout: Checkout, order: PlacedOrder) -> None:
        if order.customer.name == ERASED:
            return
        stands = await self.checkouts.get(checkout.id)
        if stands is not None and stands.customer.name == ERASED:
            await self.orders.erase(checkout.id)

    async def is_created(self, checkout: Checkout) -> bool:
        """Whether an order that needs no payment is confirmed; others are undone more safely."""
        order = await self.orders.of_checkout(checkout.id)
        is_confirmed = order is not None and order.status is PlacedStatus.CONFIRMED
        return is_confirmed and not checkout.is_paid

    async def sell(self, checkout: Checkout, job: Job, context: JobContext) -> End:
        """What is held for the order is sold."""
        is_whole = await self.stock.commit(checkout.id, checkout.lines, context.fence)
        # a delivery before this one may have sold it
        return Done() if is_whole or job.deliveries > 1 else Impossible(NOT_HELD)

    async def release(self, checkout: Checkout, _job: Job, _context: JobContext) -> End:
        """What is held can be bought by others."""
        await self.stock.release(checkout.id, checkout.lines)
        return Done()

    async def cancel(self, checkout: Checkout, _job: Job, _context: JobContext) -> End:
        """The order is not to be delivered, not even one that comes about later."""
        await self.orders.cancel(checkout.id)
        if checkout.customer.name == ERASED:  # who wrote it may be gone before looking again
            await self.orders.erase(checkout.id)
        return Done()
