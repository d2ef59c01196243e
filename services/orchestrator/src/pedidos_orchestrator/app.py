"""The HTTP application, put together from ports and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import Gauge

from pedidos_orchestrator.api import (
    checkout,
    customers,
    dead,
    docs,
    exports,
    health,
    imports,
    logs,
    orders,
    page,
    placed_orders,
    probes,
    queue,
    queues,
    reconciliations,
    runs,
    status,
    stream,
    webhooks,
)
from pedidos_orchestrator.api.allowed import allowed
from pedidos_orchestrator.api.checkout_desk import desk_of
from pedidos_orchestrator.api.checkout_watchers import CheckoutWatchers
from pedidos_orchestrator.api.context import ApiContext
from pedidos_orchestrator.api.live import StatusBroadcast
from pedidos_orchestrator.api.openapi import describe
from pedidos_orchestrator.api.status_reading import (
    CachedQueueState,
    shared_counts,
    shared_queues,
    status_reader,
)
from pedidos_orchestrator.deps import ApiSettings, Deps
from pedidos_orchestrator.http.body_limit import BodyLimit
from pedidos_orchestrator.http.browser_guard import BrowserGuard
from pedidos_orchestrator.http.fresh_status import Fresh, WritesAreSeen
from pedidos_orchestrator.http.observing import Observing
from pedidos_orchestrator.http.problem_handlers import OnRefused, install
from pedidos_orchestrator.http.rate_limit import RateLimit
from pedidos_orchestrator.http.read_limit import ReadLimit
from pedidos_orchestrator.http.security import SIGNED_PATH, ApiKeyGuard, keys_of, watched
from pedidos_orchestrator.http.security_headers import SecurityHeaders
from pedidos_orchestrator.http.traced import Traced
from pedidos_orchestrator.page import load
from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.use_cases.checkout.accepting import Desk
from pedidos_orchestrator.use_cases.export import ExportSlots
from pedidos_orchestrator.use_cases.redrive import Redrive

VERSION = "0.1.0"
# carts of 100 lines, and what a payment provider tells of one payment
SMALL_BODIES = {checkout.CHECKOUT_PATH: 65_536, checkout.PAYMENTS_PATH: 65_536, SIGNED_PATH: 65_536}
HEALTH_PATH = "/pedidos/health/queue"
ROUTES = (
    docs,
    runs,
    status,
    stream,
    imports,
    exports,
    orders,
    dead,
    queue,
    queues,
    health,
    logs,
    customers,
    checkout,
    placed_orders,
    reconciliations,
    webhooks,
    probes,
    page,
)


def create_app(deps: Deps, settings: ApiSettings) -> FastAPI:
    """The application; `end_streams` must be called when its server begins to shut down."""
    app = FastAPI(
        title="Pedidos", version=VERSION, lifespan=_lifespan, docs_url=None, redoc_url=None
    )
    context = _context(deps, settings)
    app.state.context = context
    for module in ROUTES:
        app.include_router(module.router)
    install(app, allowed(settings), _counting(context.desk))
    keys = keys_of(settings.api_key, settings.api_keys_file)
    limited = watched(keys, deps.registry)
    _describe(app, settings.max_orders, has_keys=keys is not None)
    app.add_middleware(
        ReadLimit,
        seconds=settings.read_seconds,
        # what looks through all orders, or all open jobs
        longer=dict.fromkeys((orders.LIST_PATH, HEALTH_PATH), settings.scan_seconds),
    )
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_body_bytes,
        unbounded={imports.IMPORT_PATH},
        smaller=SMALL_BODIES,
    )
    app.add_middleware(
        WritesAreSeen,
        readings=(context.status, context.counts),
        apart=SMALL_BODIES.keys(),
    )
    app.add_middleware(Traced, tracing=deps.tracing)
    if keys is not None:
        limit = RateLimit(settings.rate_limit) if settings.rate_limit else None
        app.add_middleware(ApiKeyGuard, keys=keys, limit=limit, limited=limited)
    else:
        app.add_middleware(BrowserGuard, loopback_only=settings.loopback_only)
    app.add_middleware(Observing, registry=deps.registry, tracing=deps.tracing)
    app.add_middleware(SecurityHeaders)
    return app


def end_streams(app: FastAPI) -> None:
    """End the live streams: an open response would hold up the server's shutdown."""
    context: ApiContext = app.state.context
    context.broadcast.end()
    context.checkout_watchers.end()


async def drain_checkouts(app: FastAPI, seconds: float) -> None:
    """Let checkouts that are done here end, and hand back what does not."""
    context: ApiContext = app.state.context
    if context.desk.here is not None:
        await context.desk.here.drain(seconds)


def _context(deps: Deps, settings: ApiSettings) -> ApiContext:
    queue_state = CachedQueueState(deps.queue_state)
    read = status_reader(deps.runs, queue_state, settings.read_seconds)
    broadcast = StatusBroadcast(read, deps.events, settings.max_watchers)
    watchers = Gauge("pedidos_live_watchers", "Clients that watch", registry=deps.registry)
    watchers.set_function(lambda: broadcast.watchers)
    desk = desk_of(deps, settings)
    checkout_watchers = CheckoutWatchers(desk.reading, desk.metrics, settings.max_checkout_watchers)
    return ApiContext(
        deps,
        settings,
        queue_state,
        Fresh(read),
        shared_counts(deps, settings),
        shared_queues(deps, settings),
        broadcast,
        Redrive(deps),
        ExportSlots(settings.max_exports),
        load(),
        docs.load(),
        desk,
        checkout_watchers,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    end_streams(app)


def _counting(desk: Desk) -> OnRefused:
    """What counts the checkouts whose bodies are not what they may be."""

    def refused(path: str, problem: ProblemError) -> None:
        if path in {checkout.CHECKOUT_PATH, checkout.PAYMENTS_PATH}:
            desk.metrics.refused(problem)

    return refused


def _describe(app: FastAPI, max_orders: int, *, has_keys: bool) -> None:
    """FastAPI asks the application for its description, so that is where ours goes."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app, max_orders, has_keys=has_keys)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
