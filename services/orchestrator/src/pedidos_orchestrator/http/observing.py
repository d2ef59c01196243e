"""What is seen of each request: metrics by route, one debug line; and a last resort."""

from __future__ import annotations

import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_common.domain.correlation import ids_of_trace
from pedidos_common.ports import Tracing
from pedidos_orchestrator.http.problem_handlers import problem_of
from pedidos_orchestrator.problems import problem_response
from pedidos_orchestrator.tracing import begin, trace_of

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TRACE_HEADER = "x-trace-id"
INTERNAL_ERROR = 500

_log = structlog.get_logger()


class Observing:
    """Around all that answers: it sees each request, and answers what nobody else did.

    What the server refuses by itself (a head it can't read or bear) does not come here, and
    handshakes of WebSockets pass unseen.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing
        self._requests = Counter(
            "pedidos_http_requests",
            "Requests answered, by route template",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "pedidos_http_request_duration_seconds",
            "Seconds until a response began, by route template",
            ["method", "route"],
            buckets=BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        place = begin(scope, self._tracing.begins)
        with structlog.contextvars.bound_contextvars(**ids_of_trace(place.own.trace_id)):
            await self._observe(scope, receive, send)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, trace_id = time.perf_counter(), trace_of(scope).trace_id
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                MutableHeaders(scope=message)[TRACE_HEADER] = trace_id
                self._note(scope, message["status"], time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            _log.exception("request_failed", method=scope["method"], route=route_of(scope))
            if has_begun:
                raise  # the connection must break, so that nobody takes a part for the whole
            await problem_response(scope, problem_of(error))(scope, receive, noting)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = method_of(scope)
        route = route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        _log.debug("request_answered", method=method, route=route, status=status, seconds=seconds)


def method_of(scope: Scope) -> str:
    """The method that was asked for: a bounded label, whatever was sent."""
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def route_of(scope: Scope) -> str:
    """The template of the route that took the request: a bounded label, never an id."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
