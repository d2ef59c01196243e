"""A small shop to try checkout with: 120 products in 8 categories, and three discount codes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports import Catalogue


@dataclass(frozen=True, slots=True)
class Shop:
    """Products, each with how much of it is in stock, and discount codes."""

    products: Sequence[tuple[Product, int]]
    discounts: Sequence[Discount]


def sample_shop() -> Shop:
    """The sample shop, the same every time; one of its codes has expired."""
    text = (files("pedidos_checkout") / "sample_shop.json").read_text(encoding="utf-8")
    told = json.loads(text)
    return Shop(
        products=tuple((_product(one), int(one["stock"])) for one in told["products"]),
        discounts=tuple(_discount(one) for one in told["discounts"]),
    )


async def seed(catalogue: Catalogue) -> int:
    """Add what is absent of the sample shop; how many products were.

    What is there already stays as it is, with its price and its stock.
    """
    shop = sample_shop()
    return await catalogue.add(shop.products, shop.discounts)


def _product(told: Mapping[str, Any]) -> Product:
    return Product(told["sku"], told["name"], Decimal(told["price"]), told["category"])


def _discount(told: Mapping[str, Any]) -> Discount:
    until = told.get("validUntil")
    return Discount(
        code=told["code"],
        percent=Decimal(told["percent"]) if "percent" in told else None,
        amount=Decimal(told["amount"]) if "amount" in told else None,
        least=Decimal(told["least"]),
        valid_until=datetime.fromisoformat(until) if until else None,
    )
