"""What was sent as a checkout that can be taken in: priced, frozen, with an id of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.domain.minor_units import is_payable
from pedidos_checkout.domain.pricing import Cart, CartItem, price
from pedidos_checkout.ids import new_checkout_id
from pedidos_checkout.ports import Catalogue
from pedidos_orchestrator.problems import ProblemError, invalid

ZERO = Decimal("0.00")
MOST_ERRORS = 20
# the database server's time
Now = Callable[[], Awaitable[datetime]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What carts and payments alone have in common."""

    customer: Customer
    session: Session
    key: str | None
    fingerprint: str
    currency: str
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class CartAsked:
    """What is ordered; `method` is None where nothing was said of a payment."""

    items: Sequence[CartItem]
    code: str | None
    method: str | None


async def draft_of_cart(
    asked: Asked, wanted: CartAsked, catalogue: Catalogue, now: Now
) -> Checkout:
    """An order.

    Raises:
        ProblemError: 422, when it can't be bought, or is not free and nothing pays it.
        Unavailable: when the catalogue does not answer.
    """
    cart = await _priced(wanted, catalogue, now, asked.currency)
    is_free = cart.total == ZERO
    if not is_free and wanted.method is None:
        raise invalid("payment.method", f"is missing: {cart.total} {asked.currency} are to be paid")
    return Checkout(
        id=new_checkout_id(),
        kind=Kind.CHECKOUT,
        fingerprint=asked.fingerprint,
        customer=asked.customer,
        lines=cart.lines,
        subtotal=cart.subtotal,
        discount=cart.discount,
        total=cart.total,
        currency=asked.currency,
        method=None if is_free else wanted.method,
        discount_code=wanted.code,
        key=asked.key,
        session=asked.session,
        trace=asked.trace,
    )


async def _priced(wanted: CartAsked, catalogue: Catalogue, now: Now, currency: str) -> Cart:
    products = await catalogue.products([item.sku for item in wanted.items])
    # only a code can be out of date
    discount = await catalogue.discount(wanted.code) if wanted.code else None
    at = await now() if discount is not None else datetime.max.replace(tzinfo=UTC)
    cart = price(wanted.items, products, wanted.code, discount, at, currency)
    if isinstance(cart, Cart):
        return cart
    errors = [{"field": one.field, "detail": one.message} for one in cart[:MOST_ERRORS]]
    detail = "; ".join(f"{one['field']}: {one['detail']}" for one in errors)
    raise ProblemError(422, detail, slug="cart-refused", errors=errors)


@dataclass(frozen=True, slots=True)
class PaymentAsked:
    """What is to be paid and how; `reference` says what for."""

    amount: Decimal
    currency: str | None
    method: str
    reference: str | None = None


def draft_of_payment(asked: Asked, wanted: PaymentAsked) -> Checkout:
    """A payment alone.

    Raises:
        ProblemError: 422, when nothing is to be paid, or in another currency than the shop's, or
            parts of its smallest unit.
    """
    amount, currency = wanted.amount, wanted.currency
    if amount <= ZERO:
        raise invalid("amount", "must be more than 0.00")
    if currency not in {None, asked.currency}:
        raise invalid("currency", f"must be {asked.currency}, the only one of this shop")
    if not is_payable(amount, asked.currency):
        raise invalid("amount", f"must be whole: {asked.currency} has no decimals")
    return Checkout(
        id=new_checkout_id(),
        kind=Kind.PAYMENT,
        fingerprint=asked.fingerprint,
        customer=asked.customer,
        lines=(),
        subtotal=amount,
        discount=ZERO,
        total=amount,
        currency=asked.currency,
        method=wanted.method,
        key=asked.key,
        session=asked.session,
        trace=asked.trace,
        reference=wanted.reference,
    )
