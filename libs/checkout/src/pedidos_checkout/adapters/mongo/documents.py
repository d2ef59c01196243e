"""Checkouts, orders and payments as documents: the one place that knows their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from bson.decimal128 import Decimal128

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Line, Mode, Session
from pedidos_checkout.domain.payments import Payment, PaymentStatus
from pedidos_checkout.domain.placed_orders import PlacedOrder, PlacedStatus
from pedidos_common.adapters.mongo.client import Document
from pedidos_common.domain.orders import ERASED, Tier

CENT = Decimal("0.01")


def money(amount: Decimal) -> Decimal128:
    """An amount with two decimals."""
    return Decimal128(amount.quantize(CENT, ROUND_HALF_EVEN))


def amount_of(stored: Decimal128) -> Decimal:
    """The amount that was stored."""
    return stored.to_decimal()


def literal(values: Mapping[str, Any]) -> Document:
    """Values for a pipeline, where a text that begins with `$` would be evaluated."""
    return {name: {"$literal": value} for name, value in values.items()}


def if_absent(values: Mapping[str, Any]) -> Document:
    """The same for fields that keep what they have."""
    return {name: {"$ifNull": [f"${name}", value]} for name, value in literal(values).items()}


def customer_document(customer: Customer) -> Document:
    """Who orders."""
    return {
        "id": customer.id,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "tier": str(customer.tier),
    }


def customer_of(document: Document) -> Customer:
    """The customer that a document holds."""
    return Customer(
        id=document["id"],
        name=document["name"],
        email=document["email"],
        phone=document.get("phone"),
        tier=Tier(document["tier"]),
    )


def line_documents(lines: Sequence[Line]) -> list[Document]:
    """What was put into the cart."""
    return [
        {
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "unitPrice": money(line.unit_price),
            "total": money(line.total),
        }
        for line in lines
    ]


def lines_of(documents: Sequence[Document]) -> tuple[Line, ...]:
    """The lines that documents hold."""
    return tuple(
        Line(one["sku"], one["name"], one["quantity"], amount_of(one["unitPrice"]))
        for one in documents
    )


def checkout_document(checkout: Checkout) -> Document:
    """The first document of a checkout, without its id and the time that the server gives it."""
    document: Document = {
        "kind": str(checkout.kind),
        "fingerprint": checkout.fingerprint,
        "begun": False,
        "mode": str(checkout.mode),
        "customer": customer_document(checkout.customer),
        "lines": line_documents(checkout.lines),
        "discountCode": checkout.discount_code,
        "subtotal": money(checkout.subtotal),
        "discount": money(checkout.discount),
        "total": money(checkout.total),
        "currency": checkout.currency,
        "payment": {"required": checkout.is_paid, "method": checkout.method},
        "session": {
            "id": checkout.session.id,
            "userAgent": checkout.session.user_agent,
            "address": checkout.session.address,
        },
        "trace": checkout.trace,
    }
    if checkout.reply is not None:
        document["reply"] = dict(checkout.reply)
    if checkout.reference is not None:
        document["reference"] = checkout.reference
    # the index of keys holds only those that have one
    return document if checkout.key is None else {**document, "key": checkout.key}


def checkout_of(document: Document) -> Checkout:
    """The checkout that a document holds."""
    session = document.get("session") or {}
    return Checkout(
        id=document["_id"],
        kind=Kind(document["kind"]),
        fingerprint=document["fingerprint"],
        customer=customer_of(document["customer"]),
        lines=lines_of(document["lines"]),
        subtotal=amount_of(document["subtotal"]),
        discount=amount_of(document["discount"]),
        total=amount_of(document["total"]),
        currency=document["currency"],
        method=document["payment"].get("method"),
        discount_code=document.get("discountCode"),
        key=document.get("key"),
        mode=Mode(document["mode"]),
        session=Session(session.get("id"), session.get("userAgent"), session.get("address")),
        created_at=document["createdAt"],
        reply=document.get("reply"),
        trace=document.get("trace"),
        is_begun="begun" not in document,
        reference=document.get("reference"),
    )


def erasure() -> Document:
    """What takes a customer's name's place, and that of how to reach them."""
    return {"customer.name": ERASED, "customer.email": ERASED, "customer.phone": None}


def payment_document(payment: Payment) -> Document:
    """The first document of a payment, without its id and the times that the server gives it."""
    return {
        "checkoutId": payment.checkout_id,
        "amount": money(payment.amount),
        "currency": payment.currency,
        "status": str(payment.status),
        "providerId": payment.provider_id,
        "declineCode": payment.decline_code,
        "listed": False,
    }


def payment_of(document: Document) -> Payment:
    """The payment that a document holds."""
    return Payment(
        id=document["_id"],
        checkout_id=document["checkoutId"],
        amount=amount_of(document["amount"]),
        currency=document["currency"],
        status=PaymentStatus(document["status"]),
        provider_id=document.get("providerId"),
        decline_code=document.get("declineCode"),
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
    )


def order_document(order: PlacedOrder) -> Document:
    """The first document of an order, without its id and the times that the server gives it."""
    return {
        "number": order.number,
        "checkoutId": order.checkout_id,
        "customer": customer_document(order.customer),
        "lines": line_documents(order.lines),
        "discountCode": order.discount_code,
        "total": money(order.total),
        "currency": order.currency,
        "status": str(order.status),
    }


def order_of(document: Document) -> PlacedOrder:
    """The order that a document holds."""
    return PlacedOrder(
        id=document["_id"],
        number=document["number"],
        checkout_id=document["checkoutId"],
        customer=customer_of(document["customer"]),
        lines=lines_of(document["lines"]),
        total=amount_of(document["total"]),
        currency=document["currency"],
        discount_code=document.get("discountCode"),
        status=PlacedStatus(document["status"]),
        created_at=document["createdAt"],
        confirmed_at=document.get("confirmedAt"),
    )
