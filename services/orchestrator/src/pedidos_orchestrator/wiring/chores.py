"""What the leader tidies, and how often."""

from __future__ import annotations

from pedidos_checkout.steps.begin import BeginSweep
from pedidos_checkout.steps.removing import RemovingOld
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.engine.aftermath import Aftermath
from pedidos_orchestrator.engine.housekeeping import (
    Chore,
    Housekeeping,
    Retention,
    remove_expired,
)
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.regular_reconciliation import RegularReconciliation
from pedidos_orchestrator.engine.zombies import ZombieSweep
from pedidos_orchestrator.settings import OrchestratorSettings

ABANDONED_UPLOAD_SECONDS = 86_400.0
HOLDS_AT_ONCE = 1_000  # of stock, in a turn: the next one comes within seconds


def housekeeping_of(
    settings: OrchestratorSettings, deps: Deps, leadership: Leadership
) -> Housekeeping:
    webhook = settings.webhook_url is not None
    aftermath = Aftermath(
        deps.runs, deps.orders, deps.ledger, deps.transport, deps.imports, webhook
    )
    retention = Retention(settings.orders_retention_days, settings.jobs_retention_days)

    async def expire() -> None:
        await remove_expired(deps.runs, deps.orders, deps.ledger, retention)

    async def is_used(import_id: str) -> bool:
        return await deps.runs.importing(import_id) is not None

    async def forget_uploads() -> None:
        await deps.imports.sweep(ABANDONED_UPLOAD_SECONDS, is_used)

    shop = deps.checkout
    left = BeginSweep(shop.checkouts, deps.ledger, deps.transport, deps.table.policies)

    async def release_holds() -> None:
        await shop.stock.release_expired(HOLDS_AT_ONCE)

    old = RemovingOld(
        checkouts=shop.checkouts,
        book=shop.payments,
        orders=shop.orders,
        stock=shop.stock,
        ledger=deps.ledger,
        removals=shop.removals,
        now=deps.runs.now,
        days=settings.checkouts_retention_days,
    )
    compare = RegularReconciliation(
        deps.runs, deps.ledger, deps.transport, settings.reconcile_every_minutes
    )
    chores = [
        Chore("receipts", 0.5, aftermath.settle),
        Chore("checkouts", 1.0, left.sweep),
        Chore("holds", 5.0, release_holds),
        Chore("zombies", 60.0, ZombieSweep(deps.runs, deps.orders, deps.ledger).sweep),
        Chore("retention", 600.0, expire),
        Chore("old checkouts", 5.0, old.sweep),
        Chore("abandoned uploads", 3600.0, forget_uploads),
    ]
    if settings.payment_url is not None and settings.reconcile_every_minutes:
        chores.append(Chore("reconciliation", 10.0, compare.ask))
    return Housekeeping(leadership, chores)
