"""The job that compares payments and stock, and reports or repairs what differs.

It only looks at what has settled, and repairs by what is harmless twice: the same jobs that the
flow creates, the same notes and releases. Whatever it is killed at, the next one finds again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from pedidos_checkout.domain.reconciliation import Findings
from pedidos_checkout.domain.steps import RECONCILE
from pedidos_checkout.ports import (
    CheckoutStore,
    PaymentBook,
    PaymentProvider,
    PlacedOrders,
    ProviderPaused,
    Reconciliations,
    Removals,
    Stock,
)
from pedidos_checkout.steps.comparing_payments import MOST_PAGES as MOST_PAYMENT_PAGES
from pedidos_checkout.steps.comparing_payments import Ages, PaymentComparison
from pedidos_checkout.steps.comparing_stock import MOST_PAGES as MOST_STOCK_PAGES
from pedidos_checkout.steps.comparing_stock import StockComparison
from pedidos_checkout.steps.deferral import deferred
from pedidos_common.domain.jobs import Job, Outcome, Succeeded
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
DEADLINE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Reconciling:
    """The comparison as a job function."""

    provider: PaymentProvider
    book: PaymentBook
    checkouts: CheckoutStore
    orders: PlacedOrders
    stock: Stock
    ledger: JobLedger
    kept: Reconciliations
    removals: Removals
    ages: Ages = field(default_factory=Ages)
    most_payment_pages: int = MOST_PAYMENT_PAGES
    most_stock_pages: int = MOST_STOCK_PAGES

    def as_function(self) -> JobFunction:
        """As the executor runs it."""
        return JobFunction(
            RECONCILE.function,
            self.perform,
            deadline_seconds=lambda _job: DEADLINE_SECONDS,
            queue=RECONCILE.queue,
        )

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """See `registry.JobFunction`; its time is that of the job's claim, by the server."""
        findings = Findings(await self.kept.get(job.id))
        now = job.claimed_at or job.created_at
        complete = False
        try:
            stock_done = await self._stock().run(now, findings, context)
            payments_done = await self._payments().run(now, findings, context)
            complete = stock_done and payments_done
        except ProviderPaused as error:
            return deferred(error)
        finally:
            await self.kept.keep(findings.report(job.id, now, complete=complete))
        report = findings.report(job.id, now, complete=complete)
        if report.counts:
            log.warning("reconciliation_found", jobId=job.id, **report.counts)
        result = {"seen": report.seen, "counts": report.counts, "repairs": report.repairs}
        return Succeeded({**result, "complete": complete})

    def _payments(self) -> PaymentComparison:
        return PaymentComparison(
            provider=self.provider,
            book=self.book,
            checkouts=self.checkouts,
            orders=self.orders,
            ledger=self.ledger,
            kept=self.kept,
            removals=self.removals,
            ages=self.ages,
            most_pages=self.most_payment_pages,
        )

    def _stock(self) -> StockComparison:
        return StockComparison(
            stock=self.stock,
            checkouts=self.checkouts,
            orders=self.orders,
            ledger=self.ledger,
            kept=self.kept,
            settled_seconds=self.ages.settled_seconds,
            most_pages=self.most_stock_pages,
        )
