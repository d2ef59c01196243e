"""The span of a request."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pedidos_common.ports import Span, SpanKind, Tracing
from pedidos_orchestrator.http.observing import INTERNAL_ERROR, method_of, route_of
from pedidos_orchestrator.http.problem_handlers import problem_of
from pedidos_orchestrator.http.security import is_open
from pedidos_orchestrator.tracing import place_of


class Traced:
    """Inside of who refuses requests, and not for open paths.

    Else anybody could have spans recorded, and put them into the trace of a run.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app, self._tracing = app, tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, in its span."""
        if scope["type"] != "http" or is_open(scope):
            await self._app(scope, receive, send)
            return
        with self._tracing.span(method_of(scope), place_of(scope), SpanKind.SERVER) as span:
            await self._note(scope, receive, send, span)

    async def _note(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                _note_end(span, scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if not has_begun:  # it is answered further out
                _note_end(span, scope, problem_of(error).status)
            raise


def _note_end(span: Span, scope: Scope, status: int) -> None:
    method, route = method_of(scope), route_of(scope)
    span.name(f"{method} {route}")
    span.note(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
    )
    if status >= INTERNAL_ERROR:
        span.fail(f"answered {status}")
