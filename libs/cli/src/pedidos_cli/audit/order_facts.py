"""The orders of one run, summed by the server in one pass over their range of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pymongo.database import Database

SEQUENCES = 1 << 40
WORDING = {"VIP": "enviado com prioridade", "NORMAL": "processado sem prioridade"}
MAX_NAMED = 5

Documents = Database[dict[str, Any]]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """The orders of a run that share priority, tier and status; all numbers count orders.

    `settled_well` never failed for good before; `settled_badly` did once (a redrive may have
    helped since); the rest has no first final state yet. `redriven` were taken up by a redrive,
    and `sent_again` are pending because of it. `untimed`, `unexplained`, `premature`, `misworded`
    and `mispriced` count what must not be. `first_settled` and `last_settled` are the earliest and
    the latest first final state.
    """

    priority: str
    tier: str
    status: str
    orders: int
    settled_well: int
    settled_badly: int
    redriven: int
    sent_again: int
    untimed: int
    unexplained: int
    premature: int
    misworded: int
    mispriced: int
    first_settled: datetime | None
    last_settled: datetime | None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """All groups of a run.

    `outside` counts orders whose sequence the plan does not have; `gaps` names chunks that hold
    less than they should (searched only where an order is missing).
    """

    groups: tuple[OrderGroup, ...]
    outside: int
    gaps: tuple[str, ...] = ()

    def total(self, figure: Callable[[OrderGroup], int], priority: str | None = None) -> int:
        """The sum of a figure over the groups, of one priority or of all."""
        return sum(figure(g) for g in self.groups if priority in {None, g.priority})

    def count(self, status: str | None = None, priority: str | None = None) -> int:
        """How many orders have this status and priority."""
        return self.total(lambda g: g.orders if status in {None, g.status} else 0, priority)

    def waiting(self, priority: str | None = None) -> int:
        """How many orders are pending that never had a final state."""
        return self.count("pendente", priority) - self.total(lambda g: g.sent_again, priority)

    @property
    def last_vip_settled(self) -> datetime | None:
        """When the last VIP order got its first final state."""
        times = [g.last_settled for g in self.groups if g.priority == "VIP" and g.last_settled]
        return max(times, default=None)

    @property
    def first_normal_settled(self) -> datetime | None:
        """When the first NORMAL order got its first final state."""
        normal = (g.first_settled for g in self.groups if g.priority == "NORMAL")
        return min((time for time in normal if time), default=None)


def read_orders(database: Documents, run_id: UUID, quantity: int, chunk_size: int) -> OrderFacts:
    """Sum up the orders of a run; one range scan, whatever their number."""
    found = database.orders.aggregate(
        [{"$match": {"_id": _between(run_id, 0, SEQUENCES - 1)}}, {"$group": _group()}],
        allowDiskUse=False,
    )
    groups = tuple(_order_group(document) for document in found)
    beyond = ((0, 0), (quantity + 1, SEQUENCES - 1))
    outside = sum(
        database.orders.count_documents({"_id": _between(run_id, *ends)}) for ends in beyond
    )
    stored = sum(group.orders for group in groups) - outside
    gaps = _gaps(database, run_id, quantity, chunk_size) if 0 < stored < quantity else ()
    return OrderFacts(groups, outside, gaps)


def bounds(run_id: UUID) -> tuple[UUID, UUID]:
    """The first and the last id that an order of the run may have."""
    return UUID(int=run_id.int | 1), UUID(int=run_id.int | (SEQUENCES - 1))


def read_misworded(database: Documents, run_id: UUID) -> Iterator[int]:
    """The sequences of processed orders without the built-in handler's text."""
    of_run = {"_id": _between(run_id, 1, SEQUENCES - 1)}
    wrong = {"$expr": {"$and": _misworded()}}
    for order in database.orders.find({**of_run, **wrong}, {"_id": 1}, batch_size=50_000):
        yield order["_id"].int & (SEQUENCES - 1)


def _between(run_id: UUID, first: int, last: int) -> Expression:
    return {"$gte": UUID(int=run_id.int | first), "$lte": UUID(int=run_id.int | last)}


def _gaps(database: Documents, run_id: UUID, quantity: int, chunk_size: int) -> tuple[str, ...]:
    gaps: list[str] = []
    for index, first in enumerate(range(1, quantity + 1, chunk_size)):
        last = min(first + chunk_size - 1, quantity)
        held = database.orders.count_documents({"_id": _between(run_id, first, last)})
        if held != last - first + 1:
            gaps.append(f"chunk {index} holds {held:,} of {last - first + 1:,}")
        if len(gaps) == MAX_NAMED:
            break
    return tuple(gaps)


def _order_group(document: Mapping[str, Any]) -> OrderGroup:
    key = document["_id"]
    figures = {name: document[name] for name in document if name != "_id"}
    return OrderGroup(
        priority=str(key.get("priority")),
        tier=str(key.get("tier")),
        status=str(key.get("status")),
        **figures,
    )


def _group() -> Expression:
    processed, failed, pending = (_is(s) for s in ("processado", "falhou", "pendente"))
    failed_once, processed_once = _set("failedAt"), _set("processedAt")
    never_failed = {"$not": [failed_once]}
    first_final = {"$ifNull": ["$firstFailedAt", "$failedAt", "$processedAt"]}
    return {
        "_id": {"priority": "$priority", "tier": "$tier", "status": "$status"},
        "orders": {"$sum": 1},
        "settled_well": _how_many(never_failed, processed, processed_once),
        "settled_badly": _how_many(failed_once),
        "redriven": _how_many(_set("firstFailedAt")),
        "sent_again": _how_many(pending, failed_once, _set("firstFailedAt")),
        "untimed": {
            "$sum": {
                "$switch": {
                    "branches": [
                        {"case": processed, "then": _one_unless(processed_once)},
                        {"case": failed, "then": _one_unless(failed_once)},
                    ],
                    "default": 0,
                }
            }
        },
        "unexplained": _how_many(failed, {"$not": [{"$gt": ["$error", ""]}]}),
        "premature": _how_many(pending, {"$or": [processed_once, {"$gt": ["$observacoes", ""]}]}),
        "misworded": _how_many(*_misworded()),
        "mispriced": {"$sum": _one_unless(_is_cents("$valor"))},
        "first_settled": {"$min": first_final},
        "last_settled": {"$max": first_final},
    }


def _misworded() -> list[Expression]:
    never_failed = {"$not": [_set("failedAt")]}
    return [_is("processado"), never_failed, {"$ne": ["$observacoes", _wording()]}]


def _is_cents(amount: str) -> Expression:
    # A decimal whose exponent is -2 is written with two places, and no other number is.
    text = {"$convert": {"input": amount, "to": "string", "onError": "", "onNull": ""}}
    cents = {"$regexMatch": {"input": text, "regex": r"^[0-9]+\.[0-9]{2}$"}}
    return {"$and": [{"$eq": [{"$type": amount}, "decimal"]}, cents]}


def _is(status: str) -> Expression:
    return {"$eq": ["$status", status]}


def _set(time: str) -> Expression:
    # null and missing sort below every date
    return {"$gt": [f"${time}", None]}


def _how_many(*conditions: Expression) -> Expression:
    return {"$sum": {"$cond": [{"$and": list(conditions)}, 1, 0]}}


def _one_unless(condition: Expression) -> Expression:
    return {"$cond": [condition, 0, 1]}


def _wording() -> Expression:
    return {"$cond": [{"$eq": ["$priority", "VIP"]}, WORDING["VIP"], WORDING["NORMAL"]]}
