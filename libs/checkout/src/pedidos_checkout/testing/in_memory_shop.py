"""Products, stock and placed orders in memory, with the guarantees of the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pedidos_checkout.domain.checkouts import Checkout, Line, quantities
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus, order_number
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports import StockLevel
from pedidos_checkout.testing.in_memory_stores import erased
from pedidos_common.domain.errors import LeaseLost
from pedidos_common.ports import Page


@dataclass
class _Hold:
    quantity: int
    until: datetime | None


@dataclass
class _Shelf:
    available: int
    stocked: int
    sold: int = 0
    sold_removed: int = 0
    removal: int = 0
    holds: dict[str, _Hold] = field(default_factory=dict)

    def give_back(self, checkout_id: str) -> None:
        if checkout_id in self.holds:
            self.available += self.holds.pop(checkout_id).quantity

    def sell(self, checkout_id: str) -> None:
        if checkout_id in self.holds:
            self.sold += self.holds.pop(checkout_id).quantity

    def level(self, sku: str) -> StockLevel:
        held = sum(hold.quantity for hold in self.holds.values())
        return StockLevel(sku, self.available, held, self.sold, self.stocked, self.sold_removed)


class InMemoryStock:
    """Stock in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._shelves: dict[str, _Shelf] = {}

    def put(self, sku: str, quantity: int) -> None:
        """Stock a product that is absent."""
        self._shelves.setdefault(sku, _Shelf(quantity, quantity))

    def _mine(self, checkout_id: str, lines: Sequence[Line]) -> dict[str, _Shelf]:
        """Where the checkout holds some of what it asks for."""
        named = {sku: self._shelves[sku] for sku in quantities(lines) if sku in self._shelves}
        return {sku: shelf for sku, shelf in named.items() if checkout_id in shelf.holds}

    def _check(self, fence: datetime) -> None:
        if self._clock() >= fence:
            raise LeaseLost("the lease ended before the stock was changed: nothing was")

    async def reserve(
        self, checkout_id: str, lines: Sequence[Line], hold_seconds: float, fence: datetime
    ) -> Sequence[str]:
        """See `ports.Stock.reserve`."""
        held = self._mine(checkout_id, lines)
        wanted = {sku: n for sku, n in quantities(lines).items() if sku not in held}
        if not wanted:
            return []
        self._check(fence)
        nothing = _Shelf(0, 0)
        short = [sku for sku, n in wanted.items() if self._shelves.get(sku, nothing).available < n]
        if short:
            for shelf in held.values():
                if shelf.holds[checkout_id].until is not None:
                    shelf.give_back(checkout_id)
            return short
        until = self._clock() + timedelta(seconds=hold_seconds)
        for sku, quantity in wanted.items():
            self._shelves[sku].available -= quantity
            self._shelves[sku].holds[checkout_id] = _Hold(quantity, until)
        return []

    async def pin(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """See `ports.Stock.pin`."""
        self._check(fence)
        held = self._mine(checkout_id, lines)
        for shelf in held.values():
            shelf.holds[checkout_id].until = None
        return held.keys() == quantities(lines).keys()

    async def commit(self, checkout_id: str, lines: Sequence[Line], fence: datetime) -> bool:
        """See `ports.Stock.commit`."""
        held = self._mine(checkout_id, lines)
        for shelf in held.values():
            self._check(fence)
            shelf.sell(checkout_id)
        return held.keys() == quantities(lines).keys()

    async def release(self, checkout_id: str, lines: Sequence[Line]) -> None:
        """See `ports.Stock.release`."""
        for shelf in self._mine(checkout_id, lines).values():
            shelf.give_back(checkout_id)

    async def release_expired(self, limit: int) -> int:
        """See `ports.Stock.release_expired`."""
        now = self._clock()
        over = [
            (shelf, checkout_id)
            for _sku, shelf in sorted(self._shelves.items())
            for checkout_id, hold in shelf.holds.items()
            if hold.until is not None and hold.until <= now
        ]
        for shelf, checkout_id in over[:limit]:
            shelf.give_back(checkout_id)
        return len(over[:limit])

    async def holds(self, after: str | None, limit: int) -> Sequence[tuple[str, str, int]]:
        """See `ports.Stock.holds`."""
        held = [
            (sku, shelf)
            for sku, shelf in sorted(self._shelves.items())
            if shelf.holds and (after is None or sku > after)
        ]
        return [
            (checkout_id, sku, hold.quantity)
            for sku, shelf in held[:limit]
            for checkout_id, hold in shelf.holds.items()
        ]

    async def holding(self, checkouts: Sequence[Checkout]) -> frozenset[str]:
        """See `ports.Stock.holding`."""
        return frozenset(one.id for one in checkouts if self._mine(one.id, one.lines))

    async def note_removed(self, number: int, sold: Mapping[str, int]) -> None:
        """See `ports.Stock.note_removed`."""
        for sku, quantity in sold.items():
            shelf = self._shelves.get(sku)
            if shelf is not None and shelf.removal < number:
                shelf.sold_removed, shelf.removal = shelf.sold_removed + quantity, number

    async def levels(self, skus: Sequence[str]) -> Mapping[str, StockLevel]:
        """See `ports.Stock.levels`."""
        return {sku: self._shelves[sku].level(sku) for sku in skus if sku in self._shelves}

    async def page(self, limit: int, cursor: str | None) -> Page[StockLevel]:
        """See `ports.Stock.page`."""
        rest = [s.level(sku) for sku, s in sorted(self._shelves.items()) if sku > (cursor or "")]
        return Page(rest[:limit], rest[limit - 1].sku if len(rest) > limit else None)


class InMemoryCatalogue:
    """Products and discount codes in dictionaries; what is added is stocked in `stock`."""

    def __init__(self, stock: InMemoryStock) -> None:
        self._stock = stock
        self._products: dict[str, Product] = {}
        self._discounts: dict[str, Discount] = {}

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """See `ports.Catalogue.products`."""
        return {sku: self._products[sku] for sku in skus if sku in self._products}

    async def page(self, limit: int, cursor: str | None) -> Page[Product]:
        """See `ports.Catalogue.page`."""
        rest = [one for sku, one in sorted(self._products.items()) if sku > (cursor or "")]
        return Page(rest[:limit], rest[limit - 1].sku if len(rest) > limit else None)

    async def discount(self, code: str) -> Discount | None:
        """See `ports.Catalogue.discount`."""
        return self._discounts.get(code)

    async def add(
        self, products: Sequence[tuple[Product, int]], discounts: Sequence[Discount]
    ) -> int:
        """See `ports.Catalogue.add`."""
        before = len(self._products)
        for product, quantity in products:
            self._stock.put(product.sku, quantity)
            self._products.setdefault(product.sku, product)
        for one in discounts:
            self._discounts.setdefault(one.code, one)
        return len(self._products) - before


class InMemoryPlacedOrders:
    """Orders in a dictionary by checkout; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._orders: dict[str, PlacedOrder] = {}
        self._cancelled_before: set[str] = set()

    def _check(self, fence: datetime) -> None:
        if self._clock() >= fence:
            raise LeaseLost("the lease ended before the order was written: nothing was")

    async def create(self, order: PlacedOrder, fence: datetime) -> PlacedOrder:
        """See `ports.PlacedOrders.create`."""
        self._check(fence)
        if order.checkout_id not in self._orders:
            taken = {one.number for one in self._orders.values()}
            numbers = [order.number, *(order_number(order.checkout_id, n) for n in range(1, 10))]
            is_cancelled = order.checkout_id in self._cancelled_before
            self._orders[order.checkout_id] = replace(
                order,
                number=next(one for one in numbers if one not in taken),
                status=PlacedStatus.CANCELLED if is_cancelled else order.status,
                created_at=self._clock(),
            )
        return self._orders[order.checkout_id]

    async def confirm(self, checkout_id: str, fence: datetime) -> PlacedOrder | None:
        """See `ports.PlacedOrders.confirm`."""
        order = self._orders.get(checkout_id)
        if order is not None and order.status is PlacedStatus.AWAITING_PAYMENT:
            self._check(fence)
            status, now = PlacedStatus.CONFIRMED, self._clock()
            self._orders[checkout_id] = replace(order, status=status, confirmed_at=now)
        return self._orders.get(checkout_id)

    async def cancel(self, checkout_id: str) -> None:
        """See `ports.PlacedOrders.cancel`."""
        order = self._orders.get(checkout_id)
        if order is None:
            self._cancelled_before.add(checkout_id)
        else:
            self._orders[checkout_id] = replace(order, status=PlacedStatus.CANCELLED)

    async def of_checkout(self, checkout_id: str) -> PlacedOrder | None:
        """See `ports.PlacedOrders.of_checkout`."""
        return self._orders.get(checkout_id)

    async def among(self, checkout_ids: Sequence[str]) -> Mapping[str, PlacedOrder]:
        """See `ports.PlacedOrders.among`."""
        return {one: self._orders[one] for one in checkout_ids if one in self._orders}

    async def remove(self, checkout_ids: Sequence[str]) -> None:
        """See `ports.PlacedOrders.remove`."""
        for one in checkout_ids:
            self._orders.pop(one, None)
            self._cancelled_before.discard(one)

    async def of_customer(
        self, customer_id: str, limit: int, cursor: str | None
    ) -> Page[PlacedOrder]:
        """See `ports.PlacedOrders.of_customer`; a cursor is how many came before, and the last."""
        given = cursor or "0.none"
        before, _, last = given.partition(".")
        if not (before.isdecimal() and last):
            raise ValueError(f"{given[:100]!r} is no page's cursor")
        theirs = [one for one in self._orders.values() if one.customer.id == customer_id]
        newest = sorted(theirs, key=lambda one: (one.created_at, one.id), reverse=True)
        end = int(before) + limit
        page = newest[end - limit : end]
        return Page(page, f"{end}.{page[-1].id}" if len(newest) > end else None)

    async def erase_customer(self, name: str) -> int:
        """See `ports.PlacedOrders.erase_customer`."""
        theirs = [key for key, one in self._orders.items() if one.customer.name == name]
        for key in theirs:
            await self.erase(key)
        return len(theirs)

    async def erase(self, checkout_id: str) -> None:
        """See `ports.PlacedOrders.erase`."""
        order = self._orders.get(checkout_id)
        if order is not None:
            self._orders[checkout_id] = replace(order, customer=erased(order.customer))
