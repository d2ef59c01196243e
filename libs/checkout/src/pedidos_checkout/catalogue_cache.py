"""Products and discount codes, known for a moment: taking a checkout in reads none of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports import Catalogue
from pedidos_common.ports import Page

KEPT_SECONDS = 60.0


class CachedCatalogue:
    """`ports.Catalogue` in front of another one; what it tells is `ttl_seconds` old at most.

    Whoever asks after half of that makes one read begin, which brings all products again that
    were asked for in the last `KEPT_SECONDS`; nobody waits for it as long as what is known may
    still be told. It knows `most` products and as many codes; also that there is none of a name.
    Used in one event loop.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        ttl_seconds: float = 2.0,
        most: int = 1_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue, self._ttl, self._most = catalogue, ttl_seconds, most
        self._monotonic = monotonic
        self._products: dict[str, Product | None] = {}
        self._asked_at: dict[str, float] = {}
        self._read_at = monotonic()
        self._refreshing: asyncio.Task[None] | None = None
        self._discounts: dict[str, tuple[float, Discount | None]] = {}

    async def products(self, skus: Sequence[str]) -> Mapping[str, Product]:
        """See `ports.Catalogue.products`."""
        now = self._monotonic()
        age = now - self._read_at
        if age >= self._ttl / 2:
            refreshing = self._refreshed()
            if age >= self._ttl:
                await asyncio.shield(refreshing)  # others wait for it when this one hangs up
        known = {sku: self._products[sku] for sku in skus if sku in self._products}
        missing = [sku for sku in skus if sku not in known]
        if missing:
            known |= await self._learn(missing)
        self._asked_at |= {sku: now for sku in skus if sku in self._products}
        return {sku: product for sku, product in known.items() if product is not None}

    def _refreshed(self) -> asyncio.Task[None]:
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh(), name="refresh products")
            self._refreshing.add_done_callback(self._done)
        return self._refreshing

    async def _refresh(self) -> None:
        now = self._monotonic()
        kept = {sku: at for sku, at in self._asked_at.items() if now - at < KEPT_SECONDS}
        found = await self._catalogue.products(sorted(kept)) if kept else {}
        if self._refreshing is asyncio.current_task():  # nothing was added meanwhile
            self._products = {sku: found.get(sku) for sku in kept}
            self._asked_at = {sku: self._asked_at.get(sku, at) for sku, at in kept.items()}
            self._read_at = now

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # whoever waited has it; the next one who asks makes another
        if self._refreshing is task:
            self._refreshing = None

    async def _learn(self, skus: Sequence[str]) -> Mapping[str, Product | None]:
        before = self._read_at
        found = await self._catalogue.products(skus)
        learned = {sku: found.get(sku) for sku in skus}
        if len(self._products) + len(learned) > self._most:
            self._products, self._asked_at = {}, {}
        # what was read before the last refresh is older than the rest
        if before == self._read_at and len(learned) <= self._most:
            self._products |= learned
        return learned

    async def discount(self, code: str) -> Discount | None:
        """See `ports.Catalogue.discount`."""
        now = self._monotonic()
        until, known = self._discounts.get(code, (now, None))
        if now < until:
            return known
        if len(self._discounts) >= self._most:
            self._discounts = {}
        found = await self._catalogue.discount(code)
        self._discounts[code] = (now + self._ttl, found)
        return found

    async def page(self, limit: int, cursor: str | None) -> Page[Product]:
        """See `ports.Catalogue.page`; always read."""
        return await self._catalogue.page(limit, cursor)

    async def add(
        self, products: Sequence[tuple[Product, int]], discounts: Sequence[Discount]
    ) -> int:
        """See `ports.Catalogue.add`; seen at once here, and after a moment by other processes."""
        added = await self._catalogue.add(products, discounts)
        self._products, self._asked_at, self._discounts = {}, {}, {}
        self._refreshing = None
        return added
