"""What the database holds about checkouts, as plain values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pymongo.database import Database

Documents = Database[dict[str, Any]]
SCOPES = {"$gte": "co_", "$lt": "co`"}
OPEN = frozenset({"queued", "running", "retrying"})


@dataclass(frozen=True, slots=True)
class JobFacts:
    """One job of a checkout. `refused` is the code of a refusal by business, None where none.

    `skipped` says that there was nothing to do, so nothing was sent.
    """

    step: str
    status: str
    refused: str | None
    error: str | None
    follow_ups_due: bool
    follow_ups: tuple[str, ...]
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class CheckoutFacts:
    """One checkout and what belongs to it; `wanted` is how many of each sku."""

    id: str
    kind: str
    key: str | None
    total: Decimal
    currency: str
    is_paid: bool
    phone: str | None
    wanted: Mapping[str, int]
    jobs: Mapping[str, JobFacts] = field(default_factory=dict)
    orders: tuple[OrderFacts, ...] = ()
    payment: str | None = None

    @property
    def reference(self) -> str:
        """What the payment provider knows it by."""
        return "pay_" + self.id.removeprefix("co_")

    @property
    def confirmed(self) -> tuple[OrderFacts, ...]:
        """Its orders that stand."""
        return tuple(order for order in self.orders if order.status == "confirmed")

    @property
    def is_over(self) -> bool:
        """Whether none of its jobs is open, and there is one at all."""
        return bool(self.jobs) and all(job.status not in OPEN for job in self.jobs.values())

    @property
    def has_paid_alone(self) -> bool:
        """Whether it is a payment without an order that was taken."""
        capture = self.jobs.get("capture")
        taken = capture is not None and capture.status == "succeeded" and not capture.refused
        return self.kind == "payment" and taken


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order placed live."""

    number: str
    status: str
    total: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class StockFacts:
    """A product's stock; `received` is all that there ever was, None where it is not known."""

    sku: str
    available: int
    held: int
    sold: int
    received: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it; `strays` are orders and payments of checkouts that nobody knows."""

    checkouts: Mapping[str, CheckoutFacts]
    stock: Sequence[StockFacts]
    strays: tuple[str, ...]


def read(database: Documents) -> Stored:
    """Read checkouts with their jobs, orders and payments, and the stock."""
    jobs: dict[str, dict[str, JobFacts]] = defaultdict(dict)
    for document in database.jobs.find({"_id": SCOPES}):
        scope, _, step = document["_id"].partition(":")
        jobs[scope][step] = _job(step, document)
    orders: dict[str, list[OrderFacts]] = defaultdict(list)
    for document in database.placed_orders.find():
        orders[document["checkoutId"]].append(_order(document))
    payments = {d["checkoutId"]: str(d["status"]) for d in database.payments.find()}
    found = {
        document["_id"]: replace(
            _checkout(document),
            jobs=jobs.get(document["_id"], {}),
            orders=tuple(orders.get(document["_id"], ())),
            payment=payments.get(document["_id"]),
        )
        for document in database.checkouts.find()
    }
    strays = sorted({*orders, *payments, *jobs} - found.keys())
    return Stored(found, [_stock(document) for document in database.stock.find()], tuple(strays))


def _checkout(document: Mapping[str, Any]) -> CheckoutFacts:
    wanted: Counter[str] = Counter()
    for line in document.get("lines") or ():
        wanted[line["sku"]] += int(line["quantity"])
    return CheckoutFacts(
        id=document["_id"],
        kind=document["kind"],
        key=document.get("key"),
        total=_money(document["total"]),
        currency=document["currency"],
        is_paid=bool(document["payment"]["required"]),
        phone=document["customer"].get("phone"),
        wanted=wanted,
    )


def _job(step: str, document: Mapping[str, Any]) -> JobFacts:
    result = document.get("result") or {}
    return JobFacts(
        step=step,
        status=document["status"],
        refused=result.get("refused"),
        error=document.get("error"),
        follow_ups_due=bool(document.get("followUpsDue")),
        skipped="skipped" in result,
        follow_ups=tuple(str(job["id"]) for job in document.get("followUps") or ()),
    )


def _order(document: Mapping[str, Any]) -> OrderFacts:
    return OrderFacts(
        document["number"], document["status"], _money(document["total"]), document["currency"]
    )


def _stock(document: Mapping[str, Any]) -> StockFacts:
    held = sum(int(hold["quantity"]) for hold in (document.get("holds") or {}).values())
    received = document.get("stocked")
    return StockFacts(
        sku=document["_id"],
        available=int(document["available"]),
        held=held,
        sold=int(document.get("sold", 0)),
        received=None if received is None else int(received),
    )


def _money(value: Any) -> Decimal:
    found: Decimal = value.to_decimal()
    return found
