"""What the audit reads of documents as the store writes them, and of the sandbox's books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.headerregistry import Address
from typing import Any, cast

import pytest

from pedidos_checkout.adapters.mongo.documents import checkout_document
from pedidos_checkout.adapters.smtp.messages import message_of
from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.ports import Mail
from pedidos_cli.audit.checkouts.stored import CheckoutFacts, Documents, read
from pedidos_cli.audit.checkouts.told import charge_of, mail_id
from tests.unit.checkout.carts import a_checkout


class Held(dict[str, Any]):
    """A collection with these documents."""

    def find(self, _query: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """All of them."""
        return iter(self.values())

    def find_one(self, query: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The one of this id."""
        return cast("Mapping[str, Any] | None", self.get(query["_id"]))


class Database:
    """A database that holds one checkout."""

    def __init__(self, checkout: Checkout) -> None:
        document = {"_id": checkout.id, **checkout_document(checkout)}
        self.checkouts = Held(one=document)
        self.jobs = self.placed_orders = self.payments = self.stock = self.removals = Held()
        self.codec_options = None

    def command(self, _name: str, **_options: object) -> Mapping[str, Any]:
        """What the server says of itself: its time."""
        return {"localTime": datetime(2026, 1, 1, tzinfo=UTC)}


def facts_of(checkout: Checkout) -> CheckoutFacts:
    return read(cast("Documents", Database(checkout))).checkouts[checkout.id]


@pytest.mark.parametrize("method", ["tok_ok", None])
def test_a_checkout_is_read_as_it_is_stored(method: str | None) -> None:
    checkout = a_checkout(method=method)
    facts = facts_of(checkout)
    assert facts.is_paid is checkout.is_paid
    assert (facts.total, facts.currency) == (checkout.total, checkout.currency)
    assert (facts.key, facts.kind, facts.phone) == (
        checkout.key,
        checkout.kind,
        checkout.customer.phone,
    )
    assert dict(facts.wanted) == {line.sku: line.quantity for line in checkout.lines}


@pytest.mark.parametrize(
    ("currency", "amount"), [("EUR", "12.34"), ("JPY", "1234"), ("KWD", "1.234")]
)
def test_a_charge_counts_in_its_currency(currency: str, amount: str) -> None:
    entry = {"id": "ch_1", "reference": "pay_1", "status": "captured", "history": []}
    entry |= {"created": "2026-01-01T00:00:00Z"}
    charge = charge_of({**entry, "amount": 1234, "currency": currency})
    assert charge.amount == Decimal(amount)


def test_a_mail_is_known_by_the_hash_of_its_step() -> None:
    sender = Address("Shop", addr_spec="shop@example.com")
    mail = Mail("co_well.confirmation", "ana@example.com", "Order", "text")
    message = message_of(mail, sender, datetime(2026, 1, 2, tzinfo=UTC))
    assert message["Message-ID"] == f"<{mail_id('co_well', 'confirmation')}@example.com>"
    assert "co_well" not in str(message)
