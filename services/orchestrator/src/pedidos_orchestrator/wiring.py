"""Where an orchestrator's parts meet: the only module that picks adapters."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from prometheus_client import CollectorRegistry

from pedidos_checkout.adapters.http.webhooks import read_webhook
from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.catalogue_cache import CachedCatalogue
from pedidos_checkout.domain.checkouts import is_checkout
from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_checkout.steps.begin import BeginSweep
from pedidos_checkout.wiring import Providers, steps_of
from pedidos_common.adapters.mongo.client import connect_blocking
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
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.queues import QueueTable
from pedidos_common.domain.webhook_signatures import NotSigned, key_of
from pedidos_common.execution.executor import Executor, Observe
from pedidos_common.execution.follow_ups import Follow
from pedidos_common.execution.heartbeat import Heartbeat, Rhythm
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.life_signs import LifeSigns, Turned
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.registry import table as known_functions
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.turns import Turns
from pedidos_common.ports import JobLedger, ProcessReport, Tracing
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.listening import is_loopback
from pedidos_common.runtime.readiness import checks_of
from pedidos_common.runtime.supervise import supervised
from pedidos_orchestrator.deps import (
    ApiSettings,
    CheckoutDeps,
    Deps,
    ExecutorOf,
    ReadWebhook,
    WebhookRefused,
)
from pedidos_orchestrator.engine.aftermath import Aftermath
from pedidos_orchestrator.engine.engine_metrics import expose_engine
from pedidos_orchestrator.engine.giving_way import Doorbell, YieldingLease
from pedidos_orchestrator.engine.housekeeping import (
    Chore,
    Housekeeping,
    Retention,
    remove_expired,
)
from pedidos_orchestrator.engine.leader import Leadership
from pedidos_orchestrator.engine.leader_metrics import LOOK_SECONDS as LEADER_LOOK_SECONDS
from pedidos_orchestrator.engine.leader_metrics import LeaderMetrics, LeaderPorts
from pedidos_orchestrator.engine.loop import EngineLoop
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler
from pedidos_orchestrator.engine.regular_reconciliation import RegularReconciliation
from pedidos_orchestrator.engine.room_watch import LOOK_SECONDS, RoomWatch
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, RunEngine
from pedidos_orchestrator.engine.zombies import ZombieSweep
from pedidos_orchestrator.settings import OrchestratorSettings

SERVICE = "orchestrator"
ABANDONED_UPLOAD_SECONDS = 86_400.0
# three seconds of the built-in handler's work
# checkouts that are done here have a few jobs side by side; how many there are is bounded elsewhere
JOBS_HERE = 1_000
HOLDS_AT_ONCE = 1_000
CALLS_A_TURN = 4  # of MongoDB, in a turn of a loop that meets a server which hangs
CHUNKS_AHEAD, BATCHES_AHEAD = 96, 200
LEAST_GROUPS_AHEAD, MOST_GROUPS_AHEAD = 4, 20


@dataclass(frozen=True, slots=True)
class Around:
    """What a process has one of: its name, connections, leases, and ways to tell of itself."""

    name: str
    connections: Connections
    providers: Providers
    held: HeldLeases
    registry: CollectorRegistry
    signs: LifeSigns
    tracing: Tracing
    table: QueueTable


def deps_of(settings: OrchestratorSettings, around: Around) -> Deps:
    """The ports of the API and of the engine, on real servers."""
    connections, registry, signs = around.connections, around.registry, around.signs
    database, redis, prefix = connections.database, connections.redis, connections.key_prefix
    ledger = MongoJobLedger(database, settings.lease_seconds)
    return Deps(
        runs=MongoRunStore(database),
        ledger=ledger,
        orders=MongoOrderStore(database),
        imports=MongoImportStore(database),
        transport=ArqTransport(redis, prefix),
        events=RedisEvents(redis, prefix),
        logs=RedisLogGathering(redis, prefix),
        queue_state=MongoQueueState(database),
        processes=MongoProcesses(database),
        registry=registry,
        checkout=checkout_deps_of(settings, around, ledger),
        checks=checks_of(connections, signs, settings.lease_seconds),
        eviction_policy=connections.eviction_policy,
        room=connections.room,
        stuck=signs.stuck,
        tracing=around.tracing,
        table=around.table,
    )


def checkout_deps_of(
    settings: OrchestratorSettings, around: Around, ledger: JobLedger
) -> CheckoutDeps:
    """The ports of checkout, and what does some of them in this process."""
    database = around.connections.database
    secret = settings.payment_webhook_secret
    shop = CheckoutDeps(
        checkouts=MongoCheckoutStore(database),
        catalogue=CachedCatalogue(MongoCatalogue(database)),
        stock=MongoStock(database),
        payments=MongoPaymentBook(database),
        orders=MongoPlacedOrders(database),
        reconciliations=MongoReconciliations(database),
        prepare=lambda: ensure_checkout_indexes(database),
        read_webhook=_webhook_reader(secret.get_secret_value()) if secret else None,
    )
    functions = steps_of(settings, database, ledger, around.providers, around.table)
    if not functions:
        return shop
    return replace(shop, executor_of=_executor_of(around, functions, ledger))


def _executor_of(around: Around, functions: Sequence[JobFunction], ledger: JobLedger) -> ExecutorOf:
    table = around.table

    async def is_open(_scope: str) -> bool:
        return True  # nobody cancels a checkout

    def executor(observe: Observe, follow: Follow) -> Executor:
        redis, prefix = around.connections.redis, around.connections.key_prefix
        return Executor(
            ledger,
            known_functions(functions, table),
            around.held,
            ScopeGate(is_open),
            worker=around.name,
            slots=JOBS_HERE,
            observe=observe,
            tracing=around.tracing,
            follow=follow,
            turns=Turns(RedisTurnstile(redis, prefix), table.rates_of(table.names)),
        )

    return executor


def _webhook_reader(secret: str) -> ReadWebhook:
    key = key_of(secret)

    def read(headers: Mapping[str, str], body: bytes) -> PaymentEvent | None:
        try:
            return read_webhook(key, headers, body, time.time())
        except NotSigned as error:
            raise WebhookRefused(401, str(error)) from None
        except ValueError as error:
            raise WebhookRefused(400, str(error)[:300]) from None

    return read


def api_settings_of(settings: OrchestratorSettings) -> ApiSettings:
    """What the API is told."""
    return ApiSettings(
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        api_keys_file=settings.api_keys_file,
        rate_limit=settings.api_rate_limit,
        loopback_only=is_loopback(settings.host),
        max_orders=settings.max_orders,
        generation_chunk_size=settings.generation_chunk_size,
        orders_batch_size=settings.orders_batch_size,
        normal_enqueue_batch_size=settings.normal_enqueue_batch_size,
        run_settings=frozen_settings(settings),
        backend_logs=settings.backend_logs,
        stuck_after_ms=settings.stuck_after_ms,
        max_upload_bytes=settings.import_max_bytes,
        payment_url=settings.payment_url,
        public_url=settings.public_url,
        currency=settings.checkout_currency,
        sync_slots=settings.checkout_sync_slots,
        sync_seconds=settings.checkout_sync_seconds,
    )


def frozen_settings(settings: OrchestratorSettings) -> Mapping[str, Any]:
    """The settings in force, by their variables' names, as each run keeps them."""
    names = (
        "max_orders",
        "generation_chunk_size",
        "normal_enqueue_batch_size",
        "orders_batch_size",
        "order_max_attempts",
        "order_retry_base_ms",
        "order_handler_timeout_ms",
        "run_stall_timeout_ms",
        "lease_seconds",
    )
    return {name.upper(): getattr(settings, name) for name in names}


@contextmanager
def heartbeat_of(
    settings: OrchestratorSettings, service: str, name: str, held: HeldLeases, signs: LifeSigns
) -> Iterator[Heartbeat]:
    """The sign of life of a process, and of the jobs that it does itself."""

    def report() -> ProcessReport:
        return ProcessReport(name, service, socket.gethostname(), os.getpid())

    with connect_blocking(settings.mongo_uri.get_secret_value(), "heartbeat") as client:
        keeper = MongoLeaseKeeper(client, settings.mongo_db, settings.lease_seconds)
        rhythm = Rhythm(every_seconds=settings.heartbeat_seconds)
        yield Heartbeat(keeper, held, report, rhythm, signs=signs)


def background_of(
    settings: OrchestratorSettings,
    deps: Deps,
    database: Connections,
    name: str,
    signs: LifeSigns,
) -> tuple[Leadership, Mapping[str, Awaitable[object]]]:
    """Leadership, and the loops that act while this process leads."""
    # incarnations of a name sort by when they began
    holder = f"{name}/{time.time_ns():020d}-{uuid4().hex[:8]}"
    doorbell = Doorbell(deps.transport)
    lease = MongoLeaderLease(database.database)
    yielding = YieldingLease(lease, doorbell, deps.processes, SERVICE)
    leadership = Leadership(yielding, holder)
    steps = RunEngine(_engine_ports(deps, doorbell), _engine_settings(settings))
    engine = EngineLoop(steps, leadership, deps.events)
    patience = Patience.for_lease(settings.lease_seconds)
    reconciler = Reconciler(deps.ledger, doorbell, _scope_is_open(deps), leadership, patience)
    housekeeping = _housekeeping(settings, deps, leadership)
    looks = {"room": 0, "metrics": 0}
    expose_engine(deps.registry, leadership, engine, reconciler, housekeeping, looks)
    loops: Mapping[str, Callable[[Turned], Awaitable[object]]] = {
        "leadership": leadership.run,
        "engine": engine.run,
        "reconcile": reconciler.run,
        "housekeeping": housekeeping.run,
    }

    def failed(name: str) -> None:
        looks[name] += 1

    room, metrics = RoomWatch(deps.room, deps.registry), _leader_metrics(settings, deps, leadership)
    watching = supervised("room", room.look, LOOK_SECONDS, failed=failed)
    looking = supervised("metrics", metrics.look, LEADER_LOOK_SECONDS, failed=failed)
    return leadership, {
        name: run(signs.part(name, mongodb_calls=CALLS_A_TURN)) for name, run in loops.items()
    } | {"room": watching, "metrics": looking}


def _scope_is_open(deps: Deps) -> Callable[[str], Awaitable[bool]]:
    """Whether jobs of a scope are wanted: of a checkout always, of a run while it is active."""

    async def is_open(scope: str) -> bool:
        return is_checkout(scope) or await deps.runs.is_open(scope)

    return is_open


def _leader_metrics(
    settings: OrchestratorSettings, deps: Deps, leadership: Leadership
) -> LeaderMetrics:
    ports = LeaderPorts(
        deps.runs,
        deps.ledger,
        deps.orders,
        deps.queue_state,
        deps.checkout.reconciliations if settings.payment_url is not None else None,
        settings.reconcile_every_minutes * 60.0,
    )
    metrics = LeaderMetrics(ports, leadership)
    deps.registry.register(metrics)
    return metrics


def _engine_ports(deps: Deps, doorbell: Doorbell) -> EnginePorts:
    return EnginePorts(
        runs=deps.runs,
        ledger=deps.ledger,
        orders=deps.orders,
        transport=doorbell,
        events=deps.events,
        queue_state=deps.queue_state,
        logs=deps.logs,
        tracing=deps.tracing,
    )


def _limits(group_orders: int, batch_orders: int) -> Limits:
    """Enough open work that nobody idles for the seconds in which a dead leader is replaced.

    Small batches are so many that fewer groups last as long, and Redis would hold them all.
    """
    groups = BATCHES_AHEAD * batch_orders // group_orders
    groups = min(max(groups, LEAST_GROUPS_AHEAD), MOST_GROUPS_AHEAD)
    return Limits(CHUNKS_AHEAD, vip_orders=groups * group_orders, normal_groups=groups)


def _engine_settings(settings: OrchestratorSettings) -> EngineSettings:
    return EngineSettings(
        stall_seconds=settings.run_stall_timeout_ms / 1000,
        limits=_limits(settings.normal_enqueue_batch_size, settings.orders_batch_size),
        progress_log_seconds=settings.log_progress_every_ms / 1000,
    )


def _housekeeping(
    settings: OrchestratorSettings, deps: Deps, leadership: Leadership
) -> Housekeeping:
    webhook = settings.webhook_url is not None
    aftermath = Aftermath(
        deps.runs, deps.orders, deps.ledger, deps.transport, deps.imports, webhook
    )
    retention = Retention(settings.orders_retention_days, settings.jobs_retention_days)

    async def expire() -> None:
        await remove_expired(deps.runs, deps.orders, deps.ledger, retention)

    async def is_used(import_id: str) -> bool:
        return await deps.runs.importing(import_id) is not None

    async def forget_uploads() -> None:
        await deps.imports.sweep(ABANDONED_UPLOAD_SECONDS, is_used)

    shop = deps.checkout
    left = BeginSweep(shop.checkouts, deps.ledger, deps.transport, deps.table.policies)

    async def release_holds() -> None:
        await shop.stock.release_expired(HOLDS_AT_ONCE)

    compare = RegularReconciliation(
        deps.runs, deps.ledger, deps.transport, settings.reconcile_every_minutes
    )
    chores = [
        Chore("receipts", 0.5, aftermath.settle),
        Chore("checkouts", 1.0, left.sweep),
        Chore("holds", 5.0, release_holds),
        Chore("zombies", 60.0, ZombieSweep(deps.runs, deps.orders, deps.ledger).sweep),
        Chore("retention", 600.0, expire),
        Chore("abandoned uploads", 3600.0, forget_uploads),
    ]
    if settings.payment_url is not None and settings.reconcile_every_minutes:
        chores.append(Chore("reconciliation", 10.0, compare.ask))
    return Housekeeping(leadership, chores)
