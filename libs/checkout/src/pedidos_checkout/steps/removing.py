"""Remove checkouts whose time is over, with all that belongs to them.

What goes is noted first, in one write that all readers go by; then it is deleted, the checkout
before its order and payment, so that nobody finds a checkout that has lost these. A process that
dies in between leaves a note, and whoever leads next deletes what is left.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from pedidos_checkout.domain.checkouts import ID_PREFIX, PAYMENT_PREFIX, Checkout
from pedidos_checkout.domain.removal import Removal, Removed, may_go, removal_of
from pedidos_checkout.ports import CheckoutStore, PaymentBook, PlacedOrders, Removals, Stock
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
AT_ONCE = 200
REST_SECONDS = 600.0


@dataclass(slots=True)
class RemovingOld:
    """Removes what ended more than `days` ago, a bounded number at a time; the leader's chore.

    With 0 days it only finishes what was begun. `now` is the database server's time.
    """

    checkouts: CheckoutStore
    book: PaymentBook
    orders: PlacedOrders
    stock: Stock
    ledger: JobLedger
    removals: Removals
    now: Callable[[], Awaitable[datetime]]
    days: int = 0
    at_once: int = AT_ONCE
    monotonic: Callable[[], float] = time.monotonic
    _after: Checkout | None = field(default=None, init=False)
    _rests_until: float = field(default=float("-inf"), init=False)

    async def sweep(self) -> None:
        """Finish what was begun, and remove the next ones, oldest first.

        Raises:
            Unavailable: when MongoDB does not answer; the next sweep goes on.
        """
        stands = await self.removals.standing()
        if stands.under_way is not None:
            await self._carry_out(stands.number, stands.under_way)
        if self.days and self.monotonic() >= self._rests_until:
            await self._next(stands)

    async def _next(self, stands: Removed) -> None:
        before = await self.now() - timedelta(days=self.days)
        found = await self.checkouts.accepted_before(before, self.at_once, self._after)
        removal = await self._removal_of(found, before)
        number = stands.number + 1
        if removal.checkout_ids and await self.removals.begin(number, removal, before):
            await self._carry_out(number, removal)
            log.info("old_checkouts_removed", count=len(removal.checkout_ids), days=self.days)
        # those that may not go are passed by: the next round begins with them again
        self._after = found[-1] if len(found) == self.at_once else None
        if self._after is None:
            self._rests_until = self.monotonic() + REST_SECONDS

    async def _removal_of(self, checkouts: Sequence[Checkout], before: datetime) -> Removal:
        payments = await self.book.among([one.payment_id for one in checkouts])
        orders = await self.orders.among([one.id for one in checkouts])
        holding = await self.stock.holding(checkouts)
        going = []
        for one in checkouts:
            jobs = [job async for job in self.ledger.of_scope(one.id)]
            payment, order = payments.get(one.payment_id), orders.get(one.id)
            if one.id not in holding and may_go(one, jobs, payment, order, before):
                going.append(one)
        return removal_of(going, orders)

    async def _carry_out(self, number: int, removal: Removal) -> None:
        """Delete whatever is there of it; as often as it takes."""
        ids = list(removal.checkout_ids)
        await self.checkouts.remove(ids)
        await self.orders.remove(ids)
        await self.book.remove([PAYMENT_PREFIX + one.removeprefix(ID_PREFIX) for one in ids])
        for one in ids:
            await self.ledger.remove(scope=one)
        await self.stock.note_removed(number, removal.sold)
        await self.removals.end(number)
