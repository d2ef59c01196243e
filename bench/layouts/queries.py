"""The queries of O-17 on one set of orders, each with and without the index that would serve it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.layouts.catalogue import CLIENTE, EXTERNAL, FAILED, PRIORITY_STATUS, Index, Layout
from bench.layouts.forms import external_id
from bench.layouts.shares import DATABASE, RUN, build, insert, update
from bench.layouts.work import Processes, prepare
from pedidos_common.adapters.mongo.order_documents import listing_filter
from pedidos_common.domain.ids import order_id
from pedidos_common.domain.orders import OrderStatus, Priority, Tier
from pedidos_common.ports import OrderFilter

PAGE = 100
REPEATS = 5
DEAD_EVERY = 10_000
STORED = Layout("for the queries", "query", external=True)
COUNT = [{"$group": {"_id": {"p": "$priority", "s": "$status"}, "n": {"$sum": 1}}}]


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a route. `index` is the one that is tried for it; None where `_id` serves it.

    It is the first page of `wanted`, the orders with `external_ids`, or the count by priority and
    status.
    """

    name: str
    route: str
    index: Index | None = None
    wanted: OrderFilter | None = None
    external_ids: tuple[str, ...] = field(default=(), repr=False)

    def run(self, orders: Any, *, indexed: bool) -> int:
        """Ask it, as the product does; how many answers there are."""
        if self.external_ids:
            query = {"externalId": {"$in": list(self.external_ids), "$type": "string"}}
            return len(list(orders.find(query, {"_id": 0, "externalId": 1})))
        if self.wanted is None:
            return _counted(orders) if indexed else len(list(orders.aggregate(COUNT)))
        found = orders.find(listing_filter(self.wanted, None), limit=PAGE + 1).sort("_id", 1)
        return len(list(found))


def _counted(orders: Any) -> int:
    """Pairs of priority and status that there are: with an index, counting each is what pays."""
    pairs = [{"priority": p.value, "status": s.value} for p in Priority for s in OrderStatus]
    counts = [orders.database.command("count", "orders", query=pair)["n"] for pair in pairs]
    return sum(count > 0 for count in counts)


def queries(a_name: str) -> tuple[Query, ...]:
    """The queries; `a_name` is a customer's. What nobody matches is the worst of its kind."""
    listing, dead = "GET /pedidos/orders", "GET /pedidos/dead"
    left = OrderFilter(status=OrderStatus.PENDENTE)
    vip_left = OrderFilter(priority=Priority.VIP, status=OrderStatus.PENDENTE)
    known = tuple(external_id(n) for n in range(1, 10_001, 10))
    return (
        Query("run", listing, None, OrderFilter(run_id=RUN)),
        Query("run and tier", listing, None, OrderFilter(run_id=RUN, tier=Tier.OURO)),
        Query("tier", listing, None, OrderFilter(tier=Tier.OURO)),
        Query("priority", listing, PRIORITY_STATUS, OrderFilter(priority=Priority.NORMAL)),
        Query("status pendente, none left", listing, None, left),
        Query("VIP and pendente, none left", listing, PRIORITY_STATUS, vip_left),
        Query("count by priority and status", "none: counts come from jobs", PRIORITY_STATUS),
        Query("cliente, nobody", listing, CLIENTE, OrderFilter(cliente="Ninguém")),
        Query("cliente, somebody", listing, CLIENTE, OrderFilter(cliente=a_name)),
        Query("status falhou", dead, FAILED, OrderFilter(status=OrderStatus.FALHOU)),
        Query("1,000 external ids", "POST /pedidos/import", EXTERNAL, external_ids=known),
    )


def measure_queries(
    client: Any, uri: str, quantity: int, both: Processes
) -> Iterator[Mapping[str, Any]]:
    """A row for each query, on `quantity` orders that are processed, but for one in 10,000."""
    orders = _filled(client, uri, quantity, both)
    asked = queries(orders.find_one({"_id": order_id(RUN, quantity // 2)})["cliente"])
    without = {query.name: _milliseconds(query, orders, indexed=False) for query in asked}
    for index in (None, PRIORITY_STATUS, CLIENTE, FAILED, EXTERNAL):
        mine = [query for query in asked if query.index is index]
        if index is None:
            yield from (_row(query, without[query.name]) for query in mine)
            continue
        built = {"build_seconds": _build_seconds(index, orders)}
        client.admin.command("fsync")  # until it is written down, its size is not known
        size = client[DATABASE].command("collStats", "orders")["indexSizes"][index.name]
        built["index_bytes_per_order"] = round(size / quantity, 2)
        for query in mine:
            timed = _milliseconds(query, orders, indexed=True)
            yield {**_row(query, without[query.name], timed), **built}
        orders.drop_index(index.name)


def _filled(client: Any, uri: str, quantity: int, both: Processes) -> Any:
    """Orders that are processed, a few of them dead, each with an external id."""
    orders = prepare(client, STORED)
    for step in (build, insert, update):
        both.each(step, uri, STORED, quantity)
    dead = [order_id(RUN, n) for n in range(DEAD_EVERY, quantity + 1, DEAD_EVERY)]
    orders.update_many({"_id": {"$in": dead}}, {"$set": {"status": "falhou", "error": "recusado"}})
    client.admin.command("fsync")
    return orders


def _build_seconds(index: Index, orders: Any) -> float:
    started = time.perf_counter()
    index.create(orders)
    return round(time.perf_counter() - started, 2)


def _milliseconds(query: Query, orders: Any, *, indexed: bool) -> tuple[float, int]:
    """The median of a few askings, and how many answers there were."""
    taken, found = [], 0
    for _ in range(REPEATS):
        started = time.perf_counter()
        found = query.run(orders, indexed=indexed)
        taken.append((time.perf_counter() - started) * 1000)
    return round(median(taken), 2), found


def _row(
    query: Query, without: tuple[float, int], having: tuple[float, int] | None = None
) -> dict[str, Any]:
    if having is not None and having[1] != without[1]:
        raise RuntimeError(
            f"the query '{query.name}' found {without[1]} without the index and {having[1]} with it"
        )
    return {
        "kind": "query",
        "query": query.name,
        "route": query.route,
        "index": query.index.name if query.index else None,
        "found": without[1],
        "without_index_ms": without[0],
        "with_index_ms": having[0] if having else None,
    }
