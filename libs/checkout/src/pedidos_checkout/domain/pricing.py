"""What a cart costs, and whether it can be bought at all.

Prices have two decimals and quantities are whole, so sums are exact. A share in percent is rounded
once, over the whole cart, to what the currency has, and half to even: over many carts that favours
neither side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pedidos_checkout.domain.checkouts import Line
from pedidos_checkout.domain.minor_units import CENT, is_payable, payable
from pedidos_checkout.domain.shop import Discount, Product

NOTHING = Decimal("0.00")
MOST_LINES = 100
MOST_OF_ONE = 999


@dataclass(frozen=True, slots=True)
class CartItem:
    """What a customer asks for."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a field of a request, in words for who sent it."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Cart:
    """What it costs; `total` is what is left of `subtotal` after the discount, never below 0."""

    lines: Sequence[Line]
    subtotal: Decimal
    discount: Decimal
    total: Decimal


def price(
    items: Sequence[CartItem],
    products: Mapping[str, Product],
    code: str | None,
    discount: Discount | None,
    now: datetime,
    currency: str,
) -> Cart | Sequence[FieldError]:
    """The cart with its prices, or all that is wrong with it.

    `products` holds those of the wanted ones that there are, `discount` what the `code` stands
    for; None for an unknown code. A product that is asked for twice becomes one line.
    """
    wrong = [*_wrong_items(items, products, currency), *_wrong_totals(items)]
    if wrong:
        return wrong
    lines = _lines(items, products)
    subtotal = sum((line.total for line in lines), NOTHING)
    if code is not None:
        refusal = _refusal(code, discount, subtotal, now)
        if refusal is not None:
            return [FieldError("discountCode", refusal)]
    off = NOTHING
    if code is not None and discount is not None:
        off = taken_off(subtotal, discount, currency)
    return Cart(lines, subtotal, off, subtotal - off)


def _lines(items: Sequence[CartItem], products: Mapping[str, Product]) -> tuple[Line, ...]:
    wanted: Counter[str] = Counter()
    for item in items:
        wanted[item.sku] += item.quantity
    return tuple(
        Line(sku, products[sku].name, quantity, products[sku].price.quantize(CENT))
        for sku, quantity in wanted.items()
    )


def _wrong_items(
    items: Sequence[CartItem], products: Mapping[str, Product], currency: str
) -> Sequence[FieldError]:
    if not items:
        return [FieldError("items", "there is nothing in the cart: add a product")]
    if len(items) > MOST_LINES:
        return [FieldError("items", f"a cart holds at most {MOST_LINES} lines, not {len(items)}")]
    wrong = []
    for n, item in enumerate(items):
        if item.sku not in products:
            wrong.append(
                FieldError(f"items[{n}].productId", f"there is no product {item.sku[:64]!r}")
            )
        elif not is_payable(products[item.sku].price, currency):
            message = f"{products[item.sku].price} {currency} can't be paid: its price is wrong"
            wrong.append(FieldError(f"items[{n}].productId", message))
        if not 1 <= item.quantity <= MOST_OF_ONE:
            message = f"a quantity is 1 to {MOST_OF_ONE}, not {item.quantity}"
            wrong.append(FieldError(f"items[{n}].quantity", message))
    return wrong


def _wrong_totals(items: Sequence[CartItem]) -> Sequence[FieldError]:
    """Products of which single lines ask for little enough, and all of them together for more."""
    wanted: Counter[str] = Counter()
    wrong = []
    for n, item in enumerate(items[:MOST_LINES]):
        wanted[item.sku] += item.quantity
        if item.quantity <= MOST_OF_ONE < wanted[item.sku]:
            message = f"a cart holds at most {MOST_OF_ONE} of one product, in all its lines"
            wrong.append(FieldError(f"items[{n}].quantity", message))
    return wrong


def _refusal(code: str, discount: Discount | None, subtotal: Decimal, now: datetime) -> str | None:
    if discount is None:
        return f"there is no discount code {code[:64]!r}"
    if discount.valid_until is not None and now >= discount.valid_until:
        return f"the discount code {code[:64]!r} has expired"
    if subtotal < discount.least:
        least = discount.least.quantize(CENT)
        return f"the discount code {code[:64]!r} is for carts from {least} on, this is {subtotal}"
    return None


def taken_off(subtotal: Decimal, discount: Discount, currency: str) -> Decimal:
    """What a code takes off a cart: its share and its amount, at most all of it."""
    share = subtotal * (discount.percent or 0) / 100
    off = payable(share + (discount.amount or 0), currency)
    return max(NOTHING, min(off, subtotal))
