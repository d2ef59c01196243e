"""W3C trace context of a request: taken from its header, or made."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

KEY = "pedidos.trace"
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """`trace_id` is shared by all that one request causes, `span_id` is this request."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """As the header `traceparent`, to be passed on."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def begin(scope: Scope) -> Trace:
    """The trace of a request that has just come in; kept in its scope."""
    trace = parse(Headers(scope=scope).get("traceparent"))
    scope[KEY] = trace
    return trace


def trace_of(scope: Scope) -> Trace:
    """The trace of a request, begun where nobody did."""
    found = scope.get(KEY)
    return found if isinstance(found, Trace) else begin(scope)


def parse(header: str | None) -> Trace:
    """The trace that a `traceparent` header carries on, or a new one."""
    span_id = secrets.token_hex(8)
    match = _TRACEPARENT.fullmatch(header.strip()) if header and len(header) < 512 else None
    if match is None or not _valid(match):
        return Trace(secrets.token_hex(16), span_id)
    return Trace(match[2], span_id, sampled=bool(int(match[4], 16) & 1))


def _valid(match: re.Match[str]) -> bool:
    exact = match[1] != "00" or len(match[0]) == 55  # version 00 has nothing behind the flags
    return match[1] != "ff" and int(match[2], 16) != 0 and int(match[3], 16) != 0 and exact
