"""Compare what is held with the checkouts that it is held for, and add each product up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from pedidos_checkout.domain import flow
from pedidos_checkout.domain.checkouts import Checkout, Line
from pedidos_checkout.domain.placed_orders import PlacedStatus
from pedidos_checkout.domain.reconciliation import Difference, Findings, Found, Repair, is_over
from pedidos_checkout.domain.steps import Step, step_of
from pedidos_checkout.ports import CheckoutStore, PlacedOrders, Reconciliations, Stock, StockLevel
from pedidos_common.execution.registry import JobContext
from pedidos_common.ports import JobLedger

PAGE = 200
MOST_PAGES = 100
Hold = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class StockComparison:
    """Holds and sums of all products, a bounded number of them in each run."""

    stock: Stock
    checkouts: CheckoutStore
    orders: PlacedOrders
    ledger: JobLedger
    kept: Reconciliations
    settled_seconds: float
    most_pages: int = MOST_PAGES

    async def run(self, now: datetime, findings: Findings, context: JobContext) -> bool:
        """From where the last one ended; whether it came to the last product."""
        after = (await self.kept.progress()).stock_after
        for _page in range(self.most_pages):
            context.ensure_held()
            page = await self.stock.page(PAGE, after)
            await self._compare(page.items, after, now, findings)
            after = page.cursor
            await self.kept.save(replace(await self.kept.progress(), stock_after=after))
            if after is None:
                return True
            if context.stopping:
                break
        return False

    async def _compare(
        self, levels: Sequence[StockLevel], after: str | None, now: datetime, findings: Findings
    ) -> None:
        findings.seen["products"] += len(levels)
        for level in levels:
            if not level.adds_up:
                findings.add(Found(Difference.STOCK_SUM, level.sku, _sum_of(level)))
        if levels:
            held = await self.stock.holds(after, PAGE)
            await self._holds([one for one in held if one[1] <= levels[-1].sku], now, findings)

    async def _holds(self, holds: Sequence[Hold], now: datetime, findings: Findings) -> None:
        findings.seen["holds"] += len(holds)
        checkouts = await self.checkouts.among(sorted({hold[0] for hold in holds}))
        settled = now - timedelta(seconds=self.settled_seconds)
        for hold in holds:
            checkout = checkouts.get(hold[0])
            if checkout is None:
                findings.add(_found(Difference.UNKNOWN_HOLD, hold, Repair.NONE))
            elif checkout.created_at is not None and checkout.created_at <= settled:
                await self._judge(hold, checkout, findings)

    async def _judge(self, hold: Hold, checkout: Checkout, findings: Findings) -> None:
        jobs = [job async for job in self.ledger.of_scope(checkout.id)]
        if not is_over(checkout, jobs):
            return
        order = await self.orders.of_checkout(checkout.id)
        if order is None or order.status is not PlacedStatus.CONFIRMED:
            _id, sku, quantity = hold
            await self.stock.release(checkout.id, [Line(sku, "", quantity, Decimal(0))])
            findings.add(_found(Difference.HOLD_LEFT, hold, Repair.RELEASED))
            return
        # one that was given up is a dead letter, which somebody has to send again
        is_asked = any(step_of(job.id) is Step.INVENTORY for job in jobs)
        if not is_asked:
            await self.ledger.create([flow.new_job(checkout, Step.INVENTORY)])
        repair = Repair.NONE if is_asked else Repair.SALE
        findings.add(_found(Difference.SALE_LEFT, hold, repair))


def _found(kind: Difference, hold: Hold, repair: Repair) -> Found:
    checkout_id, sku, quantity = hold
    return Found(kind, checkout_id, f"{quantity} of {sku} held", repair)


def _sum_of(level: StockLevel) -> str:
    return (
        f"{level.available} available, {level.held} held and {level.sold} sold "
        f"are not the {level.stocked} that came in"
    )
