"""Checkouts for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Line

ACCEPTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CUSTOMER = Customer("c-1", "Ana Lima", "ana@example.test")


def a_checkout(name: str = "a", **other: Any) -> Checkout:
    """A paid checkout of two products, with whatever the test says otherwise."""
    lines = [Line("tea", "Green tea", 2, Decimal("4.50")), Line("cup", "Cup", 1, Decimal("9.00"))]
    values: dict[str, Any] = {
        "id": f"co_{name:a<26}",
        "kind": Kind.CHECKOUT,
        "fingerprint": "f",
        "customer": CUSTOMER,
        "lines": lines,
        "subtotal": Decimal("18.00"),
        "discount": Decimal("0.00"),
        "total": Decimal("18.00"),
        "currency": "EUR",
        "method": "tok_ok",
        "created_at": ACCEPTED,
    }
    return Checkout(**values | other)


def a_free_checkout(name: str = "f", **other: Any) -> Checkout:
    """One where nothing is to be paid."""
    return a_checkout(name, **{"method": None, "total": Decimal("0.00")} | other)


def a_payment(name: str = "p", **other: Any) -> Checkout:
    """A payment alone."""
    return a_checkout(name, **{"kind": Kind.PAYMENT, "lines": []} | other)
