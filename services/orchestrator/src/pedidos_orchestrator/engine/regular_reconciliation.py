"""Payments and stock are compared regularly, once however many orchestrators there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from pedidos_checkout.domain.reconciliation import reconcile_job
from pedidos_common.ports import JobLedger, RunStore, Transport


@dataclass(slots=True)
class RegularReconciliation:
    """Asks for one reconciliation in each slot of time; the leader's chore."""

    runs: RunStore
    ledger: JobLedger
    transport: Transport
    every_minutes: int
    asked: str | None = field(default=None, init=False)

    async def ask(self) -> None:
        """Create the job of the present slot, where this process has not yet.

        Raises:
            Unavailable: when a server does not answer; the next look asks again.
        """
        job = reconcile_job(await self.runs.now(), self.every_minutes)
        if job.id != self.asked:
            await self.transport.ring(await self.ledger.create([job]))
            self.asked = job.id
