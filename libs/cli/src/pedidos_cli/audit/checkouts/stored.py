"""What the database holds about checkouts, as plain values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pymongo.database import Database

Documents = Database[dict[str, Any]]
SCOPES = {"$gte": "co_", "$lt": "co`"}
LOOKS = 5
JOBS_KEPT = timedelta(days=1)  # at least
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
    """One checkout and what belongs to it; `wanted` is how many of each sku.

    `is_old` says that retention may have removed jobs of it: no setting makes that earlier.
    """

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
    is_old: bool = False

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
        """Whether none of its jobs is open, and there is one at all or was."""
        return (bool(self.jobs) or self.is_old) and not self._open

    @property
    def is_forgotten(self) -> bool:
        """Whether its jobs can't be judged any more: they are removed from the first one on."""
        first = "payment" if self.is_paid else "stock"
        return self.is_old and first not in self.jobs

    @property
    def _open(self) -> bool:
        return any(job.status in OPEN for job in self.jobs.values())

    @property
    def has_paid_alone(self) -> bool:
        """Whether it is a payment without an order that was taken."""
        capture = self.jobs.get("capture")
        taken = capture is not None and capture.status == "succeeded" and not capture.refused
        return self.kind == "payment" and (
            taken or (self.is_forgotten and self.payment == "captured")
        )


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order placed live."""

    number: str
    status: str
    total: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class StockFacts:
    """A product's stock; `received` is all that there ever was, None where it is not known.

    `sold_removed` is what of `sold` was ordered in checkouts that retention removed.
    """

    sku: str
    available: int
    held: int
    sold: int
    received: int | None
    sold_removed: int = 0


@dataclass(frozen=True, slots=True)
class RemovalFacts:
    """How far retention came; of what it is at, anything may be left, and counts as gone."""

    number: int = 0
    before: datetime | None = None
    gone: frozenset[str] = frozenset()
    sold: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it; `strays` are orders and payments of checkouts that nobody knows.

    Of nothing that happened since `removed_before` retention removed anything; None where it
    never did.
    """

    checkouts: Mapping[str, CheckoutFacts]
    stock: Sequence[StockFacts]
    strays: tuple[str, ...]
    removed_before: datetime | None = None


def read(database: Documents) -> Stored:
    """Read checkouts with their jobs, orders and payments, and the stock.

    What retention removes goes at rest too: where it did meanwhile all is read again.
    """
    for _look in range(LOOKS):
        removal = _removal(database)
        found = _read(database, removal)
        if _removal(database) == removal:
            break
    return found


def _read(database: Documents, removal: RemovalFacts) -> Stored:
    told = database.command("hello", codec_options=database.codec_options)
    old = told["localTime"] - JOBS_KEPT
    jobs: dict[str, dict[str, JobFacts]] = defaultdict(dict)
    for document in database.jobs.find({"_id": SCOPES}):
        scope, _, step = document["_id"].partition(":")
        jobs[scope][step] = _job(step, document)
    orders: dict[str, list[OrderFacts]] = defaultdict(list)
    # one that was cancelled before it came is no order, and has no number
    for document in database.placed_orders.find():
        orders[document["checkoutId"]] += [_order(document)] if "number" in document else []
    payments = {d["checkoutId"]: str(d["status"]) for d in database.payments.find()}
    found = {
        document["_id"]: replace(
            _checkout(document, old),
            jobs=jobs.get(document["_id"], {}),
            orders=tuple(orders.get(document["_id"], ())),
            payment=payments.get(document["_id"]),
        )
        for document in database.checkouts.find()
        if document["_id"] not in removal.gone
    }
    strays = sorted({*orders, *payments, *jobs} - found.keys() - removal.gone)
    stock = [_stock(document, removal) for document in database.stock.find()]
    return Stored(found, stock, tuple(strays), removal.before)


def _removal(database: Documents) -> RemovalFacts:
    document = database.removals.find_one({"_id": "checkouts"}) or {}
    return RemovalFacts(
        number=int(document.get("number", 0)),
        before=document.get("before"),
        gone=frozenset(document.get("checkoutIds") or ()),
        sold={one["sku"]: int(one["quantity"]) for one in document.get("sold") or ()},
    )


def _checkout(document: Mapping[str, Any], old: datetime) -> CheckoutFacts:
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
        is_old="begun" not in document and document["createdAt"] < old,
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


def _stock(document: Mapping[str, Any], removal: RemovalFacts) -> StockFacts:
    is_noted = document.get("removal") == removal.number
    left = 0 if is_noted else removal.sold.get(document["_id"], 0)
    held = sum(int(hold["quantity"]) for hold in (document.get("holds") or {}).values())
    received = document.get("stocked")
    return StockFacts(
        sku=document["_id"],
        available=int(document["available"]),
        held=held,
        sold=int(document.get("sold", 0)),
        received=None if received is None else int(received),
        sold_removed=int(document.get("soldRemoved", 0)) + left,
    )


def _money(value: Any) -> Decimal:
    found: Decimal = value.to_decimal()
    return found
