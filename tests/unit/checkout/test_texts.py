"""What customers read."""

from __future__ import annotations

from decimal import Decimal

from pedidos_checkout.domain.placed_orders import order_of
from pedidos_checkout.steps.texts import confirmation_mail
from tests.unit.checkout.carts import a_checkout


def test_a_mail_about_an_order_says_what_was_taken_off() -> None:
    order = order_of(a_checkout(discount_code="TAKE5", discount=Decimal(5), total=Decimal("13.00")))
    _, text = confirmation_mail(order)
    assert text.endswith(
        "2 x Green tea: 9.00\n1 x Cup: 9.00\n\n"
        "Subtotal: 18.00 EUR\nDiscount (TAKE5): -5.00 EUR\nTotal: 13.00 EUR\n"
    )


def test_a_mail_about_an_order_without_a_discount_says_its_total_alone() -> None:
    _, text = confirmation_mail(order_of(a_checkout()))
    assert text.endswith("1 x Cup: 9.00\n\nTotal: 18.00 EUR\n")
