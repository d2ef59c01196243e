"""Where checkouts, payments, stock and orders are kept. All times are the database server's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pedidos_checkout.domain.checkouts import Checkout, Kind, Line
from pedidos_checkout.domain.payments import Payment, PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedOrder
from pedidos_checkout.domain.reconciliation import Progress, Report, Standing
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_common.ports import Page


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkout that is in the store now; `is_new` where this call brought it there.

    A new one is the caller's own, without the time of its creation: nothing was read.
    """

    checkout: Checkout
    is_new: bool


class CheckoutStore(Protocol):
    """Checkouts as they were accepted."""

    async def accept(self, checkout: Checkout) -> Accepted:
        """Store it durably, or find the one that has its key; whose fingerprint may differ.

        The one that is found is durable too, when this returns.
        """
        ...

    async def by_key(self, kind: Kind, key: str) -> Checkout | None:
        """The checkout that has the idempotency key."""
        ...

    async def get(self, checkout_id: str) -> Checkout | None:
        """The checkout."""
        ...

    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, Checkout]:
        """Those of the named checkouts that there are."""
        ...

    async def begun(self, checkout_ids: Sequence[str]) -> None:
        """Note that their first jobs are in the ledger."""
        ...

    async def not_begun(self, older_than_seconds: float, limit: int) -> Sequence[Checkout]:
        """Those that were accepted that long ago and not noted as begun, oldest first."""
        ...

    async def accepted_before(
        self, before: datetime, limit: int, after: Checkout | None = None
    ) -> Sequence[Checkout]:
        """Those that were accepted before a time and have begun, oldest first, behind `after`."""
        ...

    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """Delete them; their keys are free from then on."""
        ...

    async def keep_reply(self, checkout_id: str, reply: Mapping[str, Any]) -> None:
        """Keep what a synchronous checkout answered; the first one counts."""
        ...

    async def erase_customer(self, name: str) -> int:
        """Replace who they are in every checkout of the customers of this name; in how many.

        Name, mail address, phone number, session and reference go; the shop's own id of them stays.
        """
        ...


class Catalogue(Protocol):
    """Products and discount codes."""

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """Those of the named products that there are."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[Product]:
        """Products by sku."""
        ...

    async def discount(self, code: str) -> Discount | None:
        """What a code takes off; None for an unknown one. One that ran out is returned too."""
        ...

    async def add(
        self,
        products: Sequence[tuple[Product, int]],
        discounts: Sequence[Discount],
    ) -> int:
        """Add those that are absent, with their stock; how many products were."""
        ...


@dataclass(frozen=True, slots=True)
class StockLevel:
    """A product's stock: what can be bought, what is held for checkouts, what was sold.

    `stocked` is all that ever came in, `sold_removed` what of `sold` was bought in checkouts that
    are not kept any more.
    """

    sku: str
    available: int
    held: int
    sold: int
    stocked: int
    sold_removed: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost, made up, or sold that was not there."""
        return self.available >= 0 and self.available + self.held + self.sold == self.stocked


class Stock(Protocol):
    """Stock by product. Each change is made once however often it is asked for.

    `fence` is server time after which a change is refused (the lease's end): `LeaseLost` where
    something was still to be changed by then.
    """

    async def reserve(
        self, checkout_id: str, lines: Sequence[Line], hold_seconds: float, fence: datetime
    ) -> Sequence[str]:
        """Hold all of it or nothing; the skus of which there is too little (none: it is held).

        Of a call that did not come to its end something may be held: until it is asked again,
        released, or `hold_seconds` have passed. What is pinned by then stays so.
        """
        ...

    async def pin(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """Make the hold last until it is committed or released; False where some of it is gone."""
        ...

    async def commit(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """What is held is sold; what is not held (any more) is left alone: then it is False."""
        ...

    async def release(self, checkout_id: str, lines: Sequence[Line]) -> None:
        """What is still held can be bought again."""
        ...

    async def release_expired(self, limit: int) -> int:
        """Release at most so many holds whose time is over; how many."""
        ...

    async def holds(self, after: str | None, limit: int) -> Sequence[tuple[str, str, int]]:
        """What is held, as (checkout id, sku, quantity), by sku.

        Of the first `limit` products behind the sku `after` of which anything is held: none is
        left behind those where nothing is found.
        """
        ...

    async def holding(self, checkouts: Sequence[Checkout]) -> frozenset[str]:
        """The ids of those that hold any of what they ask for."""
        ...

    async def note_removed(self, number: int, sold: Mapping[str, int]) -> None:
        """Note what of each product was sold in checkouts that the removal of this number removes.

        It counts once however often it is told, as long as no later one was.
        """
        ...

    async def levels(self, skus: Sequence[str]) -> Mapping[str, StockLevel]:
        """How the named products stand."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[StockLevel]:
        """How all products stand, by sku."""
        ...


class PaymentBook(Protocol):
    """Our own record of payments."""

    async def begin(self, payment: Payment) -> Payment:
        """Store it if absent; as it stands."""
        ...

    async def note(
        self,
        payment_id: str,
        status: PaymentStatus,
        provider_id: str | None = None,
        decline_code: str | None = None,
    ) -> bool:
        """Note what the provider told, where it is news (`payments.follows`); whether it was.

        What it tells of another charge under the same reference is none of this one.
        """
        ...

    async def get(self, payment_id: str) -> Payment | None:
        """The payment."""
        ...

    async def among(self, payment_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Those of the named payments that there are."""
        ...

    async def remove(self, payment_ids: Sequence[str]) -> None:
        """Delete them."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[Payment]:
        """Payments by id."""
        ...

    async def listed(self, payment_ids: Sequence[str]) -> None:
        """Note that the provider has them in its list."""
        ...

    async def not_listed(
        self, older_than_seconds: float, limit: int, cursor: str | None
    ) -> Page[Payment]:
        """Those authorised or captured by our record that were begun that long ago, oldest first,
        and that the provider's list was not seen to have.

        Raises:
            ValueError: for a cursor that no page gave.
        """
        ...


class PlacedOrders(Protocol):
    """Orders placed live."""

    async def create(self, order: PlacedOrder, fence: datetime) -> PlacedOrder:
        """Store it if absent; as it stands, cancelled where its checkout was before.

        Where another order has its number already, it gets another one.

        Raises:
            LeaseLost: when the fence has passed.
        """
        ...

    async def confirm(self, checkout_id: str, fence: datetime) -> PlacedOrder | None:
        """Its payment was taken; the order as it stands, None where there is none.

        Raises:
            LeaseLost: when it waits for its payment and the fence has passed.
        """
        ...

    async def cancel(self, checkout_id: str) -> None:
        """It is not to be delivered; one that was confirmed is cancelled too.

        An order that was not there yet is cancelled when it comes.
        """
        ...

    async def of_checkout(self, checkout_id: str) -> PlacedOrder | None:
        """The order of a checkout."""
        ...

    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, PlacedOrder]:
        """The orders of those of the named checkouts that have one, by checkout."""
        ...

    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """Delete the orders of these checkouts, and what is left of those cancelled before."""
        ...

    async def of_customer(
        self, customer_id: str, limit: int, cursor: str | None
    ) -> Page[PlacedOrder]:
        """A customer's orders, newest first.

        Raises:
            ValueError: for a cursor that no page gave.
        """
        ...

    async def erase_customer(self, name: str) -> int:
        """As `CheckoutStore.erase_customer`, in orders."""
        ...

    async def erase(self, checkout_id: str) -> None:
        """The same in the order of one checkout, where there is one."""
        ...


class Reconciliations(Protocol):
    """What was compared, and how far."""

    async def progress(self) -> Progress:
        """Where the next one goes on."""
        ...

    async def save(self, progress: Progress) -> None:
        """Go on there."""
        ...

    async def keep(self, report: Report) -> None:
        """Store a report, in place of an earlier one of the same id."""
        ...

    async def get(self, report_id: str) -> Report | None:
        """The report."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[Report]:
        """Reports, newest first."""
        ...

    async def standing(self) -> Standing:
        """What the newest report counts, and when the last complete one ended; cheap."""
        ...
