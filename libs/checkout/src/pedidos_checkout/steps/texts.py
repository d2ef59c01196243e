"""The words of mails and text messages."""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_checkout.domain.checkouts import Checkout, Line
from pedidos_checkout.domain.placed_orders import PlacedOrder
from pedidos_checkout.domain.status import Money

ABOUT_MONEY = {
    Money.NOT_TAKEN: "Nothing was charged.",
    Money.PENDING: "What was charged or held is on its way back to you.",
    Money.RETURNED: "What was charged or held has been given back.",
}


def confirmation_mail(order: PlacedOrder) -> tuple[str, str]:
    """Subject and text of the mail about a confirmed order."""
    text = (
        f"Hello {order.customer.name},\n\nthank you: your order {order.number} is confirmed.\n\n"
        f"{_list(order.lines)}\n\n{_sums(order)}\n"
    )
    return f"Your order {order.number} is confirmed", text


def _sums(order: PlacedOrder) -> str:
    total = f"Total: {order.total} {order.currency}"
    if not order.discount:
        return total
    by = f" ({order.discount_code})" if order.discount_code else ""
    return (
        f"Subtotal: {order.subtotal} {order.currency}\n"
        f"Discount{by}: -{order.discount} {order.currency}\n{total}"
    )


def order_text(order: PlacedOrder) -> str:
    """The text message about a confirmed order."""
    return f"Your order {order.number} is confirmed: {order.total} {order.currency}. Thank you!"


def recovery_mail(checkout: Checkout, error: str, money: Money) -> tuple[str, str]:
    """Subject and text of the mail to a customer whose order did not come about."""
    text = (
        f"Hello {checkout.customer.name},\n\nyour order did not come about: {error}.\n"
        f"{ABOUT_MONEY[money]}\n\nThis was in your cart:\n\n{_list(checkout.lines)}\n\n"
        "Place it once more whenever you like; nothing of the first try is left over.\n"
    )
    return "Your order was not completed", text


def _list(lines: Sequence[Line]) -> str:
    return "\n".join(f"{line.quantity} x {line.name}: {line.total}" for line in lines)
