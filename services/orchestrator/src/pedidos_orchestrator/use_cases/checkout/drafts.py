"""What was sent as a checkout that can be taken in: priced, frozen, with an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pedidos_checkout.domain.checkouts import Checkout, Customer, Kind, Session
from pedidos_checkout.ids import new_checkout_id
from pedidos_checkout.ports import Catalogue
from pedidos_orchestrator.problems import invalid

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Asked:
    """What carts and payments alone have in common."""

    customer: Customer
    session: Session
    key: str | None
    fingerprint: str
    currency: str
    trace: str | None = None
