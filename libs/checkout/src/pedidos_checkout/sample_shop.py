"""A small shop to try checkout with: 120 products in 8 categories, and three discount codes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from pedidos_checkout.domain.minor_units import decimals
from pedidos_checkout.domain.shop import Discount, Product
from pedidos_checkout.ports import Catalogue


@dataclass(frozen=True, slots=True)
class Shop:
    """Products, each with how much of it is in stock, and discount codes."""

    products: Sequence[tuple[Product, int]]
    discounts: Sequence[Discount]


def sample_shop(currency: str = "EUR") -> Shop:
    """The sample shop, the same every time; one of its codes has expired.

    In a currency without decimals all costs a hundred times as much.
    """
    factor = 1 if decimals(currency) else 100
    text = (files("pedidos_checkout") / "sample_shop.json").read_text(encoding="utf-8")
    told = json.loads(text)
    return Shop(
        products=tuple((_product(one, factor), int(one["stock"])) for one in told["products"]),
        discounts=tuple(_discount(one, factor) for one in told["discounts"]),
    )


async def seed(catalogue: Catalogue, currency: str = "EUR") -> int:
    """Add what is absent of the sample shop; how many products were.

    What is there already stays as it is, with its price and its stock.
    """
    shop = sample_shop(currency)
    return await catalogue.add(shop.products, shop.discounts)


def _product(told: Mapping[str, Any], factor: int) -> Product:
    price = Decimal(told["price"]) * factor
    return Product(told["sku"], told["name"], price, told["category"])


def _discount(told: Mapping[str, Any], factor: int) -> Discount:
    until = told.get("validUntil")
    return Discount(
        code=told["code"],
        percent=Decimal(told["percent"]) if "percent" in told else None,
        amount=Decimal(told["amount"]) * factor if "amount" in told else None,
        least=Decimal(told["least"]) * factor,
        valid_until=datetime.fromisoformat(until) if until else None,
    )
