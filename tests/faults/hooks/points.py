"""Every writing step of the adapters, as a place where a process can be made to fail.

`test_failpoints.py` holds the list complete: a method of a port is either here, or in `READING`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.ports import (
    Catalogue,
    CheckoutStore,
    PaymentBook,
    PlacedOrders,
    Reconciliations,
    Removals,
    Stock,
)
from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaderLease, MongoLeaseKeeper, MongoProcesses
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.adapters.redis.turnstile import RedisTurnstile
from pedidos_common.adapters.redis.worker import RingWorker
from pedidos_common.domain.jobs import TRIGGER_OF
from pedidos_common.ports import (
    Events,
    ImportStore,
    JobLedger,
    LeaderLease,
    LeaseKeeper,
    LogGathering,
    OrderStore,
    Processes,
    QueueState,
    RunStore,
    Transport,
    Turnstile,
)

ADAPTERS: Mapping[type, type] = {
    JobLedger: MongoJobLedger,
    LeaseKeeper: MongoLeaseKeeper,
    OrderStore: MongoOrderStore,
    RunStore: MongoRunStore,
    ImportStore: MongoImportStore,
    Processes: MongoProcesses,
    LeaderLease: MongoLeaderLease,
    QueueState: MongoQueueState,
    Transport: ArqTransport,
    Events: RedisEvents,
    LogGathering: RedisLogGathering,
    Turnstile: RedisTurnstile,
    CheckoutStore: MongoCheckoutStore,
    Catalogue: MongoCatalogue,
    Stock: MongoStock,
    PaymentBook: MongoPaymentBook,
    PlacedOrders: MongoPlacedOrders,
    Reconciliations: MongoReconciliations,
    Removals: MongoRemovals,
}
OF_CHECKOUTS: Mapping[type, tuple[str, ...]] = {
    MongoCheckoutStore: ("accept", "begun", "keep_reply", "erase_customer", "remove"),
    MongoCatalogue: ("add",),
    MongoStock: ("reserve", "pin", "commit", "release", "release_expired", "note_removed"),
    MongoPaymentBook: ("begin", "note", "listed", "remove"),
    MongoPlacedOrders: ("create", "confirm", "cancel", "erase_customer", "erase", "remove"),
    MongoReconciliations: ("save", "keep"),
    MongoRemovals: ("begin", "end"),
}
WRITING: Mapping[type, tuple[str, ...]] = {
    MongoJobLedger: (
        *("create", "claim", "note_probe", "settle", "cancel_scope", "resume_scope"),
        *("expire_leases", "take_back", "release_due", "rang", "remove_settled", "remove"),
        *("revive", "note_followed", "hasten"),
    ),
    MongoLeaseKeeper: ("beat", "farewell"),
    MongoOrderStore: (
        *("insert_chunk", "mark_processed", "mark_each", "mark_failures", "fail_rest"),
        *("delete_pending", "delete", "delete_before", "revive", "erase_customer"),
    ),
    MongoRunStore: (
        *("start", "move", "project", "annotate", "mark_expired", "request_abort", "resume"),
        *("forget", "hold_for_reset", "renew_reset", "release_reset"),
    ),
    MongoImportStore: (
        *("begin", "append", "rank_customers", "finish", "forget_rows", "discard", "sweep"),
        "clear",
    ),
    MongoLeaderLease: ("acquire", "release"),
    MongoQueueState: ("write", "write_queue"),
    ArqTransport: ("ring", "purge", "was_emptied"),
    # what `receive` writes: it pops rings
    RingWorker: ("_take",),
    RedisEvents: ("publish",),
    RedisLogGathering: ("append", "clear"),
    RedisTurnstile: ("enter",),
    **OF_CHECKOUTS,
}
READING: Mapping[type, tuple[str, ...]] = {
    MongoJobLedger: (
        *("get", "page", "counts", "settled_among", "started_among", "of_scope", "running"),
        *("quiet_seconds", "silent", "depths", "standing", "newest", "failures"),
        "put_off",
        "left_follow_ups",
    ),
    MongoOrderStore: (
        "read_pending",
        "read_pending_among",
        "count",
        "dead",
        "get",
        "page",
        "export",
    ),
    MongoRunStore: ("now", "get", "active", "current", "page", "importing", "is_open"),
    MongoImportStore: ("chunk", "report", "holding"),
    MongoProcesses: ("live",),
    MongoQueueState: ("read", "read_all"),
    ArqTransport: ("missing", "receive", "depth"),
    RedisEvents: ("listen", "close"),
    RedisLogGathering: ("newest",),
    MongoCheckoutStore: ("by_key", "get", "among", "not_begun", "accepted_before"),
    MongoCatalogue: ("products", "page", "discount"),
    MongoStock: ("holds", "holding", "levels", "page"),
    MongoPaymentBook: ("get", "among", "page", "not_listed"),
    MongoPlacedOrders: ("of_checkout", "among", "of_customer"),
    MongoReconciliations: ("progress", "get", "page", "standing"),
    MongoRemovals: ("standing",),
}


# what jobs of runs never come to: nothing follows from them, no outside call hastens them, and
# checkouts are apart from them
BEYOND_RUNS: Mapping[type, tuple[str, ...]] = {
    MongoJobLedger: ("note_followed", "hasten"),
    **OF_CHECKOUTS,
}


@dataclass(frozen=True, slots=True)
class Point:
    """A writing method, of `settle` only with this kind of outcome."""

    owner: str
    method: str
    outcome: str = ""

    def __str__(self) -> str:
        kind = f"({self.outcome})" if self.outcome else ""
        return f"{self.owner}.{self.method}{kind}"


def all_points() -> Iterator[Point]:
    """Each of them."""
    for owner, methods in WRITING.items():
        for method in methods:
            kinds = [each.__name__ for each in TRIGGER_OF] if method == "settle" else [""]
            yield from (Point(owner.__name__, method, kind) for kind in kinds)
