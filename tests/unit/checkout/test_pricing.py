"""What carts cost, and what is wrong with those that can't be bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_checkout.domain.minor_units import to_minor
from pedidos_checkout.domain.pricing import (
    MOST_LINES,
    MOST_OF_ONE,
    Cart,
    CartItem,
    FieldError,
    price,
    taken_off,
)
from pedidos_checkout.domain.shop import Discount, Product

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PEN, INK = Product("PEN", "Pen", Decimal("1.25")), Product("INK", "Ink", Decimal("3.10"))
PRODUCTS = {one.sku: one for one in (PEN, INK)}
TEN = Discount("TEN", percent=Decimal(10), least=Decimal("5.00"))


def cart(
    *items: tuple[str, int], discount: Discount | None = None, code: str | None = None
) -> Cart:
    priced = _price(items, discount, code)
    assert isinstance(priced, Cart), priced
    return priced


def wrong(
    *items: tuple[str, int], discount: Discount | None = None, code: str | None = None
) -> list[tuple[str, str]]:
    errors = _price(items, discount, code)
    assert not isinstance(errors, Cart)
    return [(one.field, one.message) for one in errors]


def _price(
    items: Sequence[tuple[str, int]], discount: Discount | None, code: str | None
) -> Cart | Sequence[FieldError]:
    code = discount.code if discount else code
    return price([CartItem(*one) for one in items], PRODUCTS, code, discount, NOW, "EUR")


def test_a_cart_is_priced_line_by_line() -> None:
    priced = cart(("PEN", 2), ("INK", 1))
    assert [(one.sku, one.name, one.quantity, one.total) for one in priced.lines] == [
        ("PEN", "Pen", 2, Decimal("2.50")),
        ("INK", "Ink", 1, Decimal("3.10")),
    ]
    assert (priced.subtotal, priced.discount, priced.total) == (
        Decimal("5.60"),
        Decimal("0.00"),
        Decimal("5.60"),
    )


def test_the_same_product_twice_is_one_line() -> None:
    assert cart(("PEN", 2), ("INK", 1), ("PEN", 3)).lines == cart(("PEN", 5), ("INK", 1)).lines


def test_a_share_is_rounded_half_to_even_once() -> None:
    # 10 % of 6.25 is 0.625; of 6.35 it is 0.635
    assert cart(("PEN", 5), discount=TEN).discount == Decimal("0.62")
    odd = Discount("ODD", percent=Decimal(10))
    assert taken_off(Decimal("6.35"), odd, "EUR") == Decimal("0.64")


def test_where_a_currency_has_no_decimals_nothing_is_rounded_to_any() -> None:
    products = {"FAN": Product("FAN", "Fan", Decimal("1005.00")), "INK": INK}
    ten = Discount("TEN", percent=Decimal(10))
    priced = price([CartItem("FAN", 1)], products, "TEN", ten, NOW, "JPY")
    assert isinstance(priced, Cart)
    assert (str(priced.discount), str(priced.total)) == ("100.00", "905.00")
    assert to_minor(priced.total, "JPY") == 905
    dinars = price([CartItem("INK", 1)], products, "TEN", ten, NOW, "KWD")
    assert isinstance(dinars, Cart)
    assert str(dinars.discount) == "0.31"
    unfit = price([CartItem("FAN", 1), CartItem("INK", 1)], products, None, None, NOW, "JPY")
    assert unfit == [FieldError("items[1].productId", "3.10 JPY can't be paid: its price is wrong")]


def test_an_amount_takes_off_no_more_than_there_is() -> None:
    much = Discount("MUCH", amount=Decimal(50))
    priced = cart(("PEN", 1), discount=much)
    assert (priced.discount, priced.total) == (Decimal("1.25"), Decimal("0.00"))


@pytest.mark.parametrize(
    ("items", "field", "says"),
    [
        ([], "items", "nothing in the cart"),
        ([("PEN", 1)] * (MOST_LINES + 1), "items", "at most 100 lines, not 101"),
        ([("INK", 1), ("CAR", 1)], "items[1].productId", "no product 'CAR'"),
        ([("PEN", 0)], "items[0].quantity", "1 to 999, not 0"),
        ([("PEN", -1)], "items[0].quantity", "1 to 999, not -1"),
        ([("PEN", MOST_OF_ONE + 1)], "items[0].quantity", "1 to 999, not 1000"),
        ([("PEN", 600), ("PEN", 400)], "items[1].quantity", "at most 999 of one product"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(
    items: list[tuple[str, int]], field: str, says: str
) -> None:
    ((found, message),) = wrong(*items)
    assert found == field
    assert says in message


def test_all_that_is_wrong_is_said() -> None:
    assert [field for field, _says in wrong(("CAR", 0), ("PEN", 1), ("BUS", 1))] == [
        "items[0].productId",
        "items[0].quantity",
        "items[2].productId",
    ]


@pytest.mark.parametrize(
    ("discount", "says"),
    [
        (None, "no discount code 'NONE'"),
        (Discount("NONE", valid_until=NOW), "has expired"),
        (Discount("NONE", least=Decimal("5.61")), "from 5.61 on, this is 5.60"),
    ],
)
def test_a_code_that_is_not_for_this_cart_is_refused(discount: Discount | None, says: str) -> None:
    ((field, message),) = wrong(("PEN", 2), ("INK", 1), discount=discount, code="NONE")
    assert field == "discountCode"
    assert says in message


def test_a_code_counts_to_its_last_moment() -> None:
    last = Discount("LAST", percent=Decimal(50), valid_until=NOW + timedelta(microseconds=1))
    assert cart(("PEN", 2), discount=last).total == Decimal("1.25")


MONEY = st.decimals(min_value=0, max_value=10_000, places=2)
DISCOUNTS = st.builds(
    Discount,
    code=st.just("C"),
    percent=st.none() | st.decimals(min_value=0, max_value=100, places=2),
    amount=st.none() | MONEY,
)


@given(
    prices=st.lists(MONEY, min_size=1, max_size=5),
    asked=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 90)), min_size=1, max_size=9),
    discount=st.none() | DISCOUNTS,
)
@settings(max_examples=60, deadline=None)
def test_sums_hold_whatever_is_bought(
    prices: list[Decimal], asked: list[tuple[int, int]], discount: Discount | None
) -> None:
    products = {f"P{n}": Product(f"P{n}", "x", each) for n, each in enumerate(prices)}
    items = [CartItem(f"P{n % len(prices)}", quantity) for n, quantity in asked]
    code = discount.code if discount else None
    priced = price(items, products, code, discount, NOW, "EUR")
    assert isinstance(priced, Cart)
    assert len({line.sku for line in priced.lines}) == len(priced.lines)
    assert sum(line.quantity for line in priced.lines) == sum(one.quantity for one in items)
    assert priced.subtotal == sum(products[one.sku].price * one.quantity for one in items)
    assert 0 <= priced.discount <= priced.subtotal
    assert priced.total == priced.subtotal - priced.discount
    for amount in (priced.subtotal, priced.discount, priced.total):
        assert amount.as_tuple().exponent == -2
    shuffled = price(items[::-1], products, code, discount, NOW, "EUR")
    assert isinstance(shuffled, Cart)
    assert shuffled.total == priced.total
