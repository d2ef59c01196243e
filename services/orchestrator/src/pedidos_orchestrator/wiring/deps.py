"""What the API and the engine stand on: ports on real servers, and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoProcesses
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.runtime.listening import is_loopback
from pedidos_common.runtime.readiness import checks_of
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.around import Around
from pedidos_orchestrator.wiring.checkout import checkout_deps_of


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
