"""Where a worker's parts meet: the only module that picks adapters."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from prometheus_client import CollectorRegistry

from pedidos_checkout.domain.checkouts import is_checkout
from pedidos_checkout.wiring import providers_of, steps_of
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.queues import QueueTable
from pedidos_common.execution.latency_limit import LatencyLimit
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.write_limiter import WriteLimiter
from pedidos_common.runtime.connections import Connections
from pedidos_common.runtime.job_service import Service
from pedidos_worker.handlers import BUILT_IN, OrderHandler, load_handler
from pedidos_worker.metrics import WorkerMetrics
from pedidos_worker.notify import webhook_function
from pedidos_worker.process_batch import BatchProcessing
from pedidos_worker.process_orders import OrderProcessing
from pedidos_worker.settings import WorkerSettings

WRITES_AT_FIRST = 1


def service_of(settings: WorkerSettings, queues: Sequence[str], table: QueueTable) -> Service:
    """A worker that serves these queues, by that table."""
    slots = settings.orders_queue_concurrency
    return Service("worker", queues, slots, table, never_closes=is_checkout)


def handler_of(settings: WorkerSettings) -> OrderHandler:
    """The shop's order handler, or the built-in one.

    Raises:
        HandlerNotUsable: when `ORDER_HANDLER` names nothing that can be called.
    """
    return load_handler(settings.order_handler or BUILT_IN, settings.order_handler_concurrency)


def policy_of(settings: WorkerSettings) -> OrderPolicy:
    """How orders are tried where their job does not say it: redriven ones."""
    return OrderPolicy(
        settings.order_max_attempts,
        settings.order_retry_base_ms,
        settings.order_handler_timeout_ms,
    )


def functions_of(
    settings: WorkerSettings,
    handler: OrderHandler,
    connections: Connections,
    metrics: WorkerMetrics,
) -> Sequence[JobFunction]:
    """The job functions of a worker; `metrics` are told what becomes of orders."""
    store, policy = MongoOrderStore(connections.database), policy_of(settings)
    size = LatencyLimit(settings.orders_write_concurrency, start=WRITES_AT_FIRST)
    writes = WriteLimiter(size, metrics.writes)
    functions = [
        BatchProcessing(store, handler, policy, writes, metrics.orders).as_function(),
        OrderProcessing(store, handler, policy, metrics.orders).as_function(),
    ]
    if settings.webhook_url is not None:
        secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
        url = settings.webhook_url.get_secret_value()
        functions.append(webhook_function(httpx.AsyncClient(), url, secret))
    return functions


def checkout_functions_of(
    settings: WorkerSettings,
    connections: Connections,
    registry: CollectorRegistry,
    table: QueueTable,
) -> Sequence[JobFunction]:
    """The job functions of checkouts; none without a payment provider."""
    providers = providers_of(settings, connections, registry)
    ledger = MongoJobLedger(connections.database, settings.lease_seconds)
    return steps_of(settings, connections.database, ledger, providers, table)
