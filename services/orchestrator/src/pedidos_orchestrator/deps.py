"""What the API stands on: ports, and the settings that it was given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_checkout.ports import (
    Catalogue,
    CheckoutStore,
    PaymentBook,
    PlacedOrders,
    Reconciliations,
    Removals,
    Stock,
)
from pedidos_common.domain.queues import QueueTable
from pedidos_common.domain.room import Room
from pedidos_common.execution.executor import Executor, Observe
from pedidos_common.execution.follow_ups import Follow
from pedidos_common.ports import (
    Events,
    ImportStore,
    JobLedger,
    LogGathering,
    OrderStore,
    Processes,
    QueueState,
    RunStore,
    Tracing,
    Transport,
    Untraced,
)

MIB = 1024 * 1024

Check = Callable[[], Awaitable[object]]
# what a webhook tells, by its headers and its body; None for what is no payment's news
ReadWebhook = Callable[[Mapping[str, str], bytes], PaymentEvent | None]
# what executes jobs in this process, told whom to tell of settled jobs and of what follows
ExecutorOf = Callable[[Observe, Follow], Executor]


async def unknown_room() -> Sequence[Room]:
    """How full servers are that nobody asked."""
    return ()


async def unknown_policy() -> str | None:
    """An eviction policy that nobody looked up."""
    return None


async def nothing_to_prepare() -> None:
    """What needs no indexes."""


class WebhookRefused(Exception):
    """A webhook that is not believed (401), or can't be read (400)."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class CheckoutDeps:
    """What checkout stands on. Without `executor_of` none is done by this process itself.

    `read_webhook` raises `WebhookRefused`; None where webhooks are not set up. `prepare` is awaited
    before the first checkout is taken in: only then is one key one checkout.
    """

    checkouts: CheckoutStore
    catalogue: Catalogue
    stock: Stock
    payments: PaymentBook
    orders: PlacedOrders
    reconciliations: Reconciliations
    removals: Removals
    prepare: Callable[[], Awaitable[None]] = nothing_to_prepare
    executor_of: ExecutorOf | None = None
    read_webhook: ReadWebhook | None = None


@dataclass(frozen=True, slots=True)
class Deps:
    """The ports that the API uses.

    `checks` says of each server whether it takes writes; they may raise. `eviction_policy` is what
    Redis does when its memory is full, or None where it won't say; `room` is how full the servers
    are. `stuck` names the parts of this process that no longer work. There is no clock: every time
    is the database server's (`RunStore.now`).
    """

    runs: RunStore
    ledger: JobLedger
    orders: OrderStore
    imports: ImportStore
    transport: Transport
    events: Events
    logs: LogGathering
    queue_state: QueueState
    processes: Processes
    registry: CollectorRegistry
    checkout: CheckoutDeps
    checks: Mapping[str, Check] = field(default_factory=dict)
    eviction_policy: Callable[[], Awaitable[str | None]] = unknown_policy
    room: Callable[[], Awaitable[Sequence[Room]]] = unknown_room
    stuck: Callable[[], Sequence[str]] = tuple
    tracing: Tracing = field(default_factory=Untraced)
    table: QueueTable = field(default_factory=QueueTable)


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the API was told; sizes are in orders, `run_settings` is frozen into each run.

    A read has `read_seconds` to begin its answer, and one that may have to scan the orders has
    `scan_seconds`. Counts of jobs are `counts_seconds` old at most. `payment_url` is None where
    there is no checkout; `public_url` begins tracking URLs, which otherwise begin as the request
    did. Past the queues' first limit `sync_slots` checkouts at once are done here, and answered
    within `sync_seconds`. A key may send `rate_limit` requests a second, 0 for any number.
    `loopback_only` says that it listens on loopback, where it has only names of loopback.
    """

    api_key: str | None = None
    api_keys_file: Path | None = None
    rate_limit: float = 0.0
    loopback_only: bool = False
    max_orders: int = 1_500_000
    generation_chunk_size: int = 10_000
    orders_batch_size: int = 1_000
    normal_enqueue_batch_size: int = 10_000
    run_settings: Mapping[str, Any] = field(default_factory=dict)
    backend_logs: bool = True
    live_within_seconds: float = 10.0
    stuck_after_ms: int = 60_000
    cancel_wait_seconds: float = 20.0
    reset_hold_seconds: float = 30.0
    notice_seconds: float = 0.6
    max_body_bytes: int = MIB
    max_upload_bytes: int = 20 * 1024 * MIB
    upload_idle_seconds: float = 60.0
    max_watchers: int = 1_000
    max_exports: int = 2
    heartbeat_seconds: float = 15.0
    check_seconds: float = 2.0
    read_seconds: float = 3.0
    scan_seconds: float = 11.0
    counts_seconds: float = 1.0
    payment_url: str | None = None
    public_url: str | None = None
    currency: str = "EUR"
    sync_slots: int = 4
    sync_seconds: float = 10.0
    max_checkout_watchers: int = 500

    @property
    def has_checkout(self) -> bool:
        """Whether orders can be placed live, so that somebody must always be there for them."""
        return self.payment_url is not None
