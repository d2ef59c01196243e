"""What a shop offers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """What can be bought; a price has two decimals."""

    sku: str
    name: str
    price: Decimal
    category: str = ""


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off: a share in percent, or an amount, of carts from `least` on."""

    code: str
    percent: Decimal | None = None
    amount: Decimal | None = None
    least: Decimal = Decimal(0)
    valid_until: datetime | None = None
