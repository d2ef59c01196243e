"""The API on real servers and a real socket, in the test's own process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from pedidos_checkout.adapters.mongo.catalogue import MongoCatalogue
from pedidos_checkout.adapters.mongo.checkouts import MongoCheckoutStore
from pedidos_checkout.adapters.mongo.payments import MongoPaymentBook
from pedidos_checkout.adapters.mongo.placed_orders import MongoPlacedOrders
from pedidos_checkout.adapters.mongo.reconciliations import MongoReconciliations
from pedidos_checkout.adapters.mongo.removals import MongoRemovals
from pedidos_checkout.adapters.mongo.stock import MongoStock
from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.mongo.controls import MongoQueueState
from pedidos_common.adapters.mongo.imports import MongoImportStore
from pedidos_common.adapters.mongo.indexes import ensure_indexes
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoProcesses
from pedidos_common.adapters.mongo.orders import MongoOrderStore
from pedidos_common.adapters.mongo.runs import MongoRunStore
from pedidos_common.adapters.redis import client as redis
from pedidos_common.adapters.redis.events import RedisEvents
from pedidos_common.adapters.redis.logs import RedisLogGathering
from pedidos_common.adapters.redis.transport import ArqTransport
from pedidos_common.runtime.connections import Connections
from pedidos_common.testing.eventually import eventually
from pedidos_orchestrator.app import create_app, end_streams
from pedidos_orchestrator.deps import ApiSettings, CheckoutDeps, Deps
from pedidos_orchestrator.server import LiveServer

SETTINGS = ApiSettings(
    generation_chunk_size=10, orders_batch_size=5, cancel_wait_seconds=1.0, heartbeat_seconds=0.2
)


def deps_on(connections: Connections) -> Deps:
    """Ports on real servers."""
    database, prefix = connections.database, connections.key_prefix
    return Deps(
        runs=MongoRunStore(database),
        ledger=MongoJobLedger(database, 10.0),
        orders=MongoOrderStore(database),
        imports=MongoImportStore(database),
        transport=ArqTransport(connections.redis, prefix),
        events=RedisEvents(connections.redis, prefix),
        logs=RedisLogGathering(connections.redis, prefix),
        queue_state=MongoQueueState(database),
        processes=MongoProcesses(database),
        registry=CollectorRegistry(),
        checkout=CheckoutDeps(
            checkouts=MongoCheckoutStore(database),
            catalogue=MongoCatalogue(database),
            stock=MongoStock(database),
            payments=MongoPaymentBook(database),
            orders=MongoPlacedOrders(database),
            reconciliations=MongoReconciliations(database),
            removals=MongoRemovals(database),
        ),
        checks=connections.checks(),
        eviction_policy=connections.eviction_policy,
    )


@asynccontextmanager
async def real_deps(request: pytest.FixtureRequest) -> AsyncIterator[Deps]:
    """Ports on the test session's servers, in a corner that is this test's alone."""
    mongo_client = mongo.connect(request.getfixturevalue("mongo_uri"), "api")
    redis_client = redis.connect(request.getfixturevalue("redis_url"))
    database = mongo.durable(mongo_client, request.getfixturevalue("mongo_database"))
    prefix = request.getfixturevalue("redis_prefix")
    try:
        await ensure_indexes(database)
        yield deps_on(Connections(mongo_client, database, redis_client, prefix))
    finally:
        await _looks_end()
        await redis_client.aclose()
        await mongo_client.close()


async def _looks_end() -> None:
    """A look that goes on behind an answer opens a connection that nobody would close."""
    looks = [one for one in asyncio.all_tasks() if one.get_name().startswith("refresh")]
    if looks:
        await asyncio.wait(looks, timeout=5)


def app_on(deps: Deps, **settings: Any) -> FastAPI:
    """An application with a registry of its own."""
    own = replace(deps, registry=CollectorRegistry())
    return create_app(own, replace(SETTINGS, **settings))


@dataclass
class Served:
    """An application that answers at `url`."""

    app: FastAPI
    server: LiveServer
    serving: asyncio.Task[None]
    url: str

    async def stop(self, within_seconds: float) -> None:
        """Shut down as on SIGTERM; fails when that takes longer."""
        self.server.should_exit = True
        await asyncio.wait_for(asyncio.shield(self.serving), within_seconds)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[Served]:
    """The application on a free loopback port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws_ping_interval=5)
    server = LiveServer(config, lambda: end_streams(app))
    serving = asyncio.create_task(server.serve([listening]))
    await eventually(lambda: server.started)
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Served(app, server, serving, url)
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        listening.close()
