"""Compare the provider's list of payments with ours, and repair what can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from pedidos_checkout.domain import flow
from pedidos_checkout.domain.checkouts import ID_PREFIX, PAYMENT_PREFIX, Checkout
from pedidos_checkout.domain.payments import ProviderPayment
from pedidos_checkout.domain.reconciliation import (
    Difference,
    Findings,
    Found,
    Progress,
    Repair,
    differences,
    is_over,
    undoing,
)
from pedidos_checkout.domain.removal import Removed
from pedidos_checkout.ports import (
    CheckoutStore,
    PaymentBook,
    PaymentProvider,
    PlacedOrders,
    ProviderRefused,
    Reconciliations,
    Removals,
)
from pedidos_checkout.steps.paying import payment_of
from pedidos_checkout.steps.second_charges import repaired
from pedidos_common.execution.registry import JobContext
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
PAGE = 100
MOST_PAGES = 1_000
MOST_NOT_LISTED = 200
# the provider's clock and the database server's
CLOCKS_APART_SECONDS = 3_600.0
TO_UNDO = frozenset({Difference.CAPTURED_WITHOUT_ORDER, Difference.LEFT_AUTHORISED})


@dataclass(frozen=True, slots=True)
class Ages:
    """How old what is compared has to be, and how long it is compared again in each pass."""

    settled_seconds: float = 300.0
    overlap_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class PaymentComparison:
    """The provider's list beside our record, checkouts and orders."""

    provider: PaymentProvider
    book: PaymentBook
    checkouts: CheckoutStore
    orders: PlacedOrders
    ledger: JobLedger
    kept: Reconciliations
    removals: Removals
    ages: Ages
    most_pages: int = MOST_PAGES

    async def run(self, now: datetime, findings: Findings, context: JobContext) -> bool:
        """One pass, or as much of it as one run may do; whether it came to its end.

        A page is repaired before the pass goes on behind it, so nothing is left behind.
        """
        progress = await self._where()
        at = progress.position or progress.anchor
        anchored = at == progress.anchor
        for _page in range(self.most_pages):
            context.ensure_held()
            listed, behind = await self.provider.page(at, PAGE)
            settled = [one for one in listed if _is_older(one, now, self.ages.settled_seconds)]
            await self._compare(settled, findings)
            if len(settled) < len(listed) or behind is None:
                await self._save(replace(progress, position=None))
                await self._look_for_others(findings)
                return True
            overlap = self.ages.settled_seconds + self.ages.overlap_seconds
            anchored = anchored and all(_is_older(one, now, overlap) for one in listed)
            progress = replace(
                progress, position=behind, anchor=behind if anchored else progress.anchor
            )
            await self._save(progress)
            at = behind
            if context.stopping:
                break
        return False

    async def _where(self) -> Progress:
        """Where to go on: at the list's beginning where the place that was kept is no more.

        A provider that was set up anew knows none of its cursors. All that it has now is compared
        then; what was repaired before is no difference any more.
        """
        progress = await self.kept.progress()
        at = progress.position or progress.anchor
        if at is None or await self._leads_on(at):
            return progress
        log.warning("reconciliation_begins_anew", cursor=at)
        progress = replace(progress, position=None, anchor=None)
        await self._save(progress)
        return progress

    async def _leads_on(self, at: str) -> bool:
        try:
            listed, behind = await self.provider.page(at, 1)
        except ProviderRefused:
            return False
        return bool(listed) or behind is not None

    async def _save(self, payments: Progress) -> None:
        """Where the payments go on; the products' place is the other comparison's."""
        stands = await self.kept.progress()
        await self.kept.save(replace(payments, stock_after=stands.stock_after))

    async def _compare(self, listed: Sequence[ProviderPayment], findings: Findings) -> None:
        findings.seen["payments"] += len(listed)
        ids = {one.reference: _checkout_id(one.reference) for one in listed}
        known = await self.book.among(list(ids))
        checkouts = await self.checkouts.among(list(ids.values()))
        orders = await self.orders.among(list(ids.values()))
        # looked for behind the checkouts: it is noted before any of them goes
        removed = await self.removals.standing()
        for one in listed:
            checkout_id = ids[one.reference]
            checkout = checkouts.get(checkout_id)
            if checkout is None and _may_be_removed(one, removed):
                continue
            if differences(one, known.get(one.reference), checkout, orders.get(checkout_id)):
                await self._judge(one, checkout, findings)
        await self.book.listed(list(ids))

    async def _judge(
        self, listed: ProviderPayment, checkout: Checkout | None, findings: Findings
    ) -> None:
        """Look again, at what is true now: since the list was made it may have moved."""
        told = await self.provider.get(listed.id) or listed
        if checkout is None:
            for kind in differences(told, None, None, None):
                findings.add(_found(kind, told, Repair.NONE))
            return
        jobs = [job async for job in self.ledger.of_scope(checkout.id)]
        over = is_over(checkout, jobs)
        order = await self.orders.of_checkout(checkout.id)
        known = await self.book.get(told.reference)
        # looked for last: what is removed goes before its payment and order do
        if await self.checkouts.get(checkout.id) is None:
            return
        for kind in differences(told, known, checkout, order):
            if kind is Difference.RECORD_BEHIND:
                await self._note(told, checkout, findings)
            elif over:
                if kind is Difference.SECOND_CHARGE:
                    repair = await repaired(told, known, checkout, order, self.provider)
                else:
                    steps = undoing(checkout, jobs) if kind in TO_UNDO else ()
                    await self.ledger.create([flow.new_job(checkout, step) for step in steps])
                    repair = Repair.REFUND if steps else Repair.NONE
                findings.add(_found(kind, told, repair))

    async def _note(self, told: ProviderPayment, checkout: Checkout, findings: Findings) -> None:
        # what may be removed in this moment would come back, and stay
        if not _may_be_removed(told, await self.removals.standing()):
            await self.book.begin(payment_of(checkout))
        if await self.book.note(told.reference, told.status, told.id, told.decline_code):
            findings.add(_found(Difference.RECORD_BEHIND, told, Repair.NOTED))

    async def _look_for_others(self, findings: Findings) -> None:
        """What we have noted and was not in the provider's list, from where the last run ended."""
        after = (await self.kept.progress()).others_after
        page = await self.book.not_listed(self.ages.settled_seconds, MOST_NOT_LISTED, after)
        for known in page.items:
            told = await self.provider.find(known.id)
            if told is not None:
                await self._compare([told], findings)
                continue
            detail = f"{known.status} with {known.amount} {known.currency} by our record alone"
            findings.add(Found(Difference.NOT_AT_PROVIDER, known.id, detail))
        await self.kept.save(replace(await self.kept.progress(), others_after=page.cursor))


def _checkout_id(reference: str) -> str:
    return ID_PREFIX + reference.removeprefix(PAYMENT_PREFIX)


def _is_older(one: ProviderPayment, now: datetime, seconds: float) -> bool:
    return one.created_at is None or one.created_at <= now - timedelta(seconds=seconds)


def _may_be_removed(listed: ProviderPayment, removed: Removed) -> bool:
    """Whether it is of a time of which retention removed checkouts."""
    if removed.before is None:
        return False
    return _is_older(listed, removed.before, -CLOCKS_APART_SECONDS)


def _found(kind: Difference, told: ProviderPayment, repair: Repair) -> Found:
    detail = f"{told.id} is {told.status} with {told.amount} {told.currency} at the provider"
    return Found(kind, told.reference[:100], detail, repair)
