"""Checkouts, orders and products for tests of what stores them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.domain.checkouts import (
    Checkout,
    Customer,
    Kind,
    Line,
    Session,
    checkout_id,
)
from pedidos_checkout.domain.shop import Product
from pedidos_common.adapters.mongo.client import connect, durable
from pedidos_common.domain.orders import Tier
from pedidos_common.testing.clock import ManualClock
from tests.contract.lab import Lab

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
ANA = Customer("c-1", "Ana", "ana@example.com", "+351900000000", Tier.DIAMANTE)
PEN = Product("PEN-1", "Pen", Decimal("1.20"), "Paper")
INK = Product("INK-1", "Ink", Decimal("3.00"), "Paper")


def an_id(number: int) -> str:
    return checkout_id(number.to_bytes(16, "big"))


def a_line(product: Product, quantity: int = 1) -> Line:
    return Line(product.sku, product.name, quantity, product.price)


def a_checkout(
    number: int = 1,
    key: str | None = None,
    fingerprint: str = "f",
    customer: Customer = ANA,
    kind: Kind = Kind.CHECKOUT,
) -> Checkout:
    lines = (a_line(PEN, 2), a_line(INK))
    return Checkout(
        id=an_id(number),
        kind=kind,
        fingerprint=fingerprint,
        customer=customer,
        lines=lines,
        subtotal=Decimal("5.40"),
        discount=Decimal("0.40"),
        total=Decimal("5.00"),
        currency="EUR",
        method="tok_ok",
        discount_code="$LESS",
        key=key,
        session=Session("s-1", "browser", "192.0.2.1"),
        reference="$for Ana",
    )


@asynccontextmanager
async def checkout_lab(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    """A lab with the indexes of checkout's collections, and of no others: that takes its time."""
    if kind == "in_memory":
        yield Lab(clock=ManualClock())
        return
    async with connect(request.getfixturevalue("mongo_uri"), "contract") as client:
        database = durable(client, request.getfixturevalue("mongo_database"))
        await ensure_checkout_indexes(database)
        yield Lab(database=database)
