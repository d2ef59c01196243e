"""What checkout stands on, and what does some of them in this process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pedidos_checkout.adapters.http.webhooks import read_webhook
from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.indexes import ensure_checkout_indexes
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_checkout.catalogue_cache import CachedCatalogue
from pedidos_checkout.domain.payments import PaymentEvent
from pedidos_checkout.wiring import steps_of
from pedidos_common.adapters.redis.turnstile import RedisTurnstile
from pedidos_common.domain.webhook_signatures import NotSigned, key_of
from pedidos_common.execution.executor import Executor, Observe
from pedidos_common.execution.follow_ups import Follow
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.registry import table as known_functions
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.turns import Turns
from pedidos_common.ports import JobLedger
from pedidos_orchestrator.deps import CheckoutDeps, ExecutorOf, ReadWebhook, WebhookRefused
from pedidos_orchestrator.settings import OrchestratorSettings
from pedidos_orchestrator.wiring.around import Around

# checkouts that are done here have a few jobs side by side; how many there are is bounded elsewhere
JOBS_HERE = 1_000


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
        removals=MongoRemovals(database),
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
