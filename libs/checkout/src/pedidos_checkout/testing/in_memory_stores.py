"""Checkouts, payments and webhooks in memory, with the guarantees of the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.domain.payments import Payment, PaymentStatus, follows
from pedidos_checkout.domain.reconciliation import Progress, Report, Standing
from pedidos_checkout.domain.removal import Removal, Removed
from pedidos_checkout.ports import Accepted
from pedidos_common.domain.orders import ERASED
from pedidos_common.ports import Page


def erased(customer: Customer) -> Customer:
    """The customer without who they are."""
    return replace(customer, name=ERASED, email=ERASED, phone=None)


def _age(checkout: Checkout) -> tuple[datetime | None, str]:
    return checkout.created_at, checkout.id


class InMemoryCheckoutStore:
    """Checkouts in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._checkouts: dict[str, Checkout] = {}
        self._not_begun: set[str] = set()

    async def accept(self, checkout: Checkout) -> Accepted:
        """See `ports.CheckoutStore.accept`."""
        there = self._checkouts.get(checkout.id)
        if there is None and checkout.key is not None:
            there = await self.by_key(checkout.kind, checkout.key)
        if there is not None:
            return Accepted(there, is_new=False)
        self._checkouts[checkout.id] = replace(checkout, created_at=self._clock())
        self._not_begun.add(checkout.id)
        return Accepted(checkout, is_new=True)

    async def by_key(self, kind: Kind, key: str) -> Checkout | None:
        """See `ports.CheckoutStore.by_key`."""
        same = (one for one in self._checkouts.values() if (one.kind, one.key) == (kind, key))
        return next(same, None)

    async def get(self, checkout_id: str) -> Checkout | None:
        """See `ports.CheckoutStore.get`."""
        return self._checkouts.get(checkout_id)

    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, Checkout]:
        """See `ports.CheckoutStore.among`."""
        return {one: self._checkouts[one] for one in checkout_ids if one in self._checkouts}

    async def begun(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.CheckoutStore.begun`."""
        self._not_begun.difference_update(checkout_ids)
        for one in checkout_ids:
            if one in self._checkouts:
                self._checkouts[one] = replace(self._checkouts[one], is_begun=True)

    async def not_begun(self, older_than_seconds: float, limit: int) -> Sequence[Checkout]:
        """See `ports.CheckoutStore.not_begun`."""
        deadline = self._clock() - timedelta(seconds=older_than_seconds)
        left = [self._checkouts[one] for one in self._not_begun]
        old = [one for one in left if one.created_at is not None and one.created_at <= deadline]
        return sorted(old, key=lambda one: (one.created_at, one.id))[:limit]

    async def accepted_before(
        self, before: datetime, limit: int, after: Checkout | None = None
    ) -> Sequence[Checkout]:
        """See `ports.CheckoutStore.accepted_before`."""
        begun = [one for one in self._checkouts.values() if one.is_begun]
        old = [one for one in begun if one.created_at is not None and one.created_at < before]
        behind = [one for one in old if after is None or _age(one) > _age(after)]
        return sorted(behind, key=_age)[:limit]

    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.CheckoutStore.remove`."""
        for one in checkout_ids:
            self._checkouts.pop(one, None)
            self._not_begun.discard(one)

    async def keep_reply(self, checkout_id: str, reply: Mapping[str, Any]) -> None:
        """See `ports.CheckoutStore.keep_reply`."""
        there = self._checkouts.get(checkout_id)
        if there is not None and there.reply is None:
            self._checkouts[checkout_id] = replace(there, reply=dict(reply))

    async def erase_customer(self, name: str) -> int:
        """See `ports.CheckoutStore.erase_customer`."""
        theirs = [one for one in self._checkouts.values() if one.customer.name == name]
        for one in theirs:
            nobody = replace(one, customer=erased(one.customer), session=Session(), reference=None)
            self._checkouts[one.id] = nobody
        return len(theirs)


class InMemoryPaymentBook:
    """Payments in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._payments: dict[str, Payment] = {}
        self._listed: set[str] = set()

    async def begin(self, payment: Payment) -> Payment:
        """See `ports.PaymentBook.begin`."""
        now = self._clock()
        new = replace(payment, created_at=now, updated_at=now)
        return self._payments.setdefault(payment.id, new)

    async def note(
        self,
        payment_id: str,
        status: PaymentStatus,
        provider_id: str | None = None,
        decline_code: str | None = None,
    ) -> bool:
        """See `ports.PaymentBook.note`."""
        known = self._payments.get(payment_id)
        if known is None or not follows(known.status, status):
            return False
        if provider_id and known.provider_id not in {None, provider_id}:
            return False
        self._payments[payment_id] = replace(
            known,
            status=status,
            provider_id=provider_id or known.provider_id,
            decline_code=decline_code or known.decline_code,
            updated_at=self._clock(),
        )
        return True

    async def get(self, payment_id: str) -> Payment | None:
        """See `ports.PaymentBook.get`."""
        return self._payments.get(payment_id)

    async def among(self, payment_ids: Sequence[str]) -> Mapping[str, Payment]:
        """See `ports.PaymentBook.among`."""
        return {one: self._payments[one] for one in payment_ids if one in self._payments}

    async def remove(self, payment_ids: Sequence[str]) -> None:
        """See `ports.PaymentBook.remove`."""
        for one in payment_ids:
            self._payments.pop(one, None)

    async def page(self, limit: int, cursor: str | None) -> Page[Payment]:
        """See `ports.PaymentBook.page`."""
        rest = [one for key, one in sorted(self._payments.items()) if not cursor or key > cursor]
        return Page(rest[:limit], rest[limit - 1].id if len(rest) > limit else None)

    async def listed(self, payment_ids: Sequence[str]) -> None:
        """See `ports.PaymentBook.listed`."""
        self._listed.update(payment_ids)

    async def not_listed(
        self, older_than_seconds: float, limit: int, cursor: str | None
    ) -> Page[Payment]:
        """See `ports.PaymentBook.not_listed`; a cursor is the last one's time and id."""
        since, _, last = (cursor or "0 ").partition(" ")
        deadline = self._clock() - timedelta(seconds=older_than_seconds)
        held = {PaymentStatus.AUTHORISED, PaymentStatus.CAPTURED}
        left = [
            one
            for one in self._payments.values()
            if one.id not in self._listed
            and one.status in held
            and one.created_at is not None
            and one.created_at <= deadline
            and (one.created_at.timestamp(), one.id) > (float(since), last)
        ]
        oldest = sorted(left, key=lambda one: (one.created_at, one.id))
        return Page(oldest[:limit], _cursor_of(oldest[limit - 1]) if len(oldest) > limit else None)


def _cursor_of(payment: Payment) -> str:
    assert payment.created_at is not None  # noqa: S101 - it was begun
    return f"{payment.created_at.timestamp()!r} {payment.id}"


class InMemoryReconciliations:
    """Reports in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._progress = Progress()
        self._reports: dict[str, Report] = {}

    async def progress(self) -> Progress:
        """See `ports.Reconciliations.progress`."""
        return self._progress

    async def save(self, progress: Progress) -> None:
        """See `ports.Reconciliations.save`."""
        self._progress = progress

    async def keep(self, report: Report) -> None:
        """See `ports.Reconciliations.keep`."""
        self._reports[report.id] = replace(report, finished_at=self._clock())

    async def get(self, report_id: str) -> Report | None:
        """See `ports.Reconciliations.get`."""
        return self._reports.get(report_id)

    async def page(self, limit: int, cursor: str | None) -> Page[Report]:
        """See `ports.Reconciliations.page`."""
        newest = sorted(self._reports.items(), reverse=True)
        rest = [one for key, one in newest if cursor is None or key < cursor]
        return Page(rest[:limit], rest[limit - 1].id if len(rest) > limit else None)

    async def standing(self) -> Standing:
        """See `ports.Reconciliations.standing`."""
        ended = [one.finished_at for one in self._reports.values() if one.complete]
        newest = self._reports[max(self._reports)] if self._reports else None
        return Standing(
            completed_at=max((at for at in ended if at is not None), default=None),
            counts=newest.counts if newest else {},
            left=newest.left if newest else {},
        )


class InMemoryRemovals:
    """How far retention came, in a variable."""

    def __init__(self) -> None:
        self._stands = Removed()

    async def standing(self) -> Removed:
        """See `ports.Removals.standing`."""
        return self._stands

    async def begin(self, number: int, removal: Removal, before: datetime) -> bool:
        """See `ports.Removals.begin`."""
        stands = self._stands
        if stands.under_way is not None or number != stands.number + 1:
            return False
        self._stands = Removed(number, max(before, stands.before or before), removal)
        return True

    async def end(self, number: int) -> None:
        """See `ports.Removals.end`."""
        if number == self._stands.number:
            self._stands = replace(self._stands, under_way=None)
