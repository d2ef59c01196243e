"""W3C trace context of a request: taken from its header, or made."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import Scope

from pedidos_common.domain.tracing import SpanPlace, TraceContext, parse_traceparent
from pedidos_orchestrator.methods import SAFE_METHODS

KEY = "pedidos.trace"


def always(_trace_id: str) -> bool:
    """Whether a trace is to be recorded, where nobody says otherwise."""
    return True


def begin(scope: Scope, begins: Callable[[str], bool] = always) -> SpanPlace:
    """The span of a request that has just come in; kept in its scope.

    Whoever sends a `traceparent` decides whether it is recorded, else `begins` does.
    """
    place = _place(Headers(scope=scope).get("traceparent"), scope.get("method", "GET"), begins)
    scope[KEY] = place
    return place


def place_of(scope: Scope) -> SpanPlace:
    """The place of a request's span, begun where nobody did."""
    found = scope.get(KEY)
    return found if isinstance(found, SpanPlace) else begin(scope)


def trace_of(scope: Scope) -> TraceContext:
    """The span of a request, begun where nobody did."""
    return place_of(scope).own


def _place(header: str | None, method: str, begins: Callable[[str], bool]) -> SpanPlace:
    span_id, caller = secrets.token_hex(8), parse_traceparent(header)
    if caller is not None:
        return SpanPlace(TraceContext(caller.trace_id, span_id, caller.sampled), caller.span_id)
    trace_id = secrets.token_hex(16)
    # one that only reads is asked for many times a second, and starts nothing
    sampled = method not in SAFE_METHODS and begins(trace_id)
    return SpanPlace(TraceContext(trace_id, span_id, sampled))
