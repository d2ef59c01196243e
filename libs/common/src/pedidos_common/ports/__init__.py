"""What the application needs from the outside: small protocols that state guarantees.

Adapters keep them (`adapters/`), `testing/` has in-memory ones, and one contract suite runs
against both. Every method may raise `errors.Unavailable` when its server does not answer in
time; it never hangs.
"""

from pedidos_common.ports.breakers import Breakers
from pedidos_common.ports.broker import ENGINE_TOPIC, STATUS_TOPIC, Bell, Events, Transport
from pedidos_common.ports.imports import ImportReport, ImportRow, ImportStore, Rejection
from pedidos_common.ports.jobs import (
    BeatReply,
    Failure,
    FollowUps,
    JobFilter,
    JobLedger,
    LeaseKeeper,
    QueueDepth,
)
from pedidos_common.ports.logs import LogGathering, LogLine
from pedidos_common.ports.orders import EncodedOrders, OrderFilter, OrderRecord, OrderStore
from pedidos_common.ports.paging import Page
from pedidos_common.ports.processes import (
    LeaderLease,
    Processes,
    ProcessReport,
    ProcessSeen,
    QueueState,
    QueueStates,
)
from pedidos_common.ports.runs import Expired, RunStore
from pedidos_common.ports.tracing import PastSpan, Span, SpanKind, Tracing, UnseenSpan, Untraced
from pedidos_common.ports.turnstile import Turnstile

__all__ = [
    "ENGINE_TOPIC",
    "STATUS_TOPIC",
    "BeatReply",
    "Bell",
    "Breakers",
    "EncodedOrders",
    "Events",
    "Expired",
    "Failure",
    "FollowUps",
    "ImportReport",
    "ImportRow",
    "ImportStore",
    "JobFilter",
    "JobLedger",
    "LeaderLease",
    "LeaseKeeper",
    "LogGathering",
    "LogLine",
    "OrderFilter",
    "OrderRecord",
    "OrderStore",
    "Page",
    "PastSpan",
    "ProcessReport",
    "ProcessSeen",
    "Processes",
    "QueueDepth",
    "QueueState",
    "QueueStates",
    "Rejection",
    "RunStore",
    "Span",
    "SpanKind",
    "Tracing",
    "Transport",
    "Turnstile",
    "UnseenSpan",
    "Untraced",
]
