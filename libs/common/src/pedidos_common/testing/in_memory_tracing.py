"""Tracing that keeps spans in a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.run_spans import job_place
from pedidos_common.domain.tracing import SpanPlace, TraceContext
from pedidos_common.ports import PastSpan, Span, SpanKind, UnseenSpan
from pedidos_common.ports.tracing import Value

CALLS_SEEN = 20
OWN_TRACE = "a" * 32


@dataclass
class KeptSpan:
    """A span, open or over; `calls` are the servers' commands in it."""

    title: str
    place: SpanPlace
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str | None = None
    calls: list[str] = field(default_factory=list)
    is_over: bool = False

    def name(self, name: str) -> None:
        """See `Span`."""
        self.title = name

    def note(self, attributes: Mapping[str, Value]) -> None:
        """See `Span`."""
        self.attributes.update(attributes)

    def fail(self, reason: str) -> None:
        """See `Span`."""
        self.error = reason


class InMemoryTracing:
    """See `ports.Tracing`; `spans` are in the order in which they ended."""

    def __init__(self) -> None:
        self.spans: list[KeptSpan] = []
        self._open: ContextVar[KeptSpan | None] = ContextVar("open", default=None)

    def begins(self, trace_id: str) -> bool:
        """See `Tracing`: each of them."""
        return bool(trace_id)

    @contextmanager
    def span(
        self,
        name: str,
        place: SpanPlace | None,
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
    ) -> Iterator[Span]:
        """See `Tracing`."""
        if place is None or not place.own.sampled:
            yield UnseenSpan()
            return
        span = KeptSpan(name, place)
        token = self._open.set(span)
        ids = {"traceId": place.own.trace_id, "spanId": place.own.span_id}
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                yield span
        except BaseException as error:
            span.fail(type(error).__name__)
            raise
        finally:
            self._open.reset(token)
            span.is_over = True
            self.spans.append(span)

    @contextmanager
    def job(self, job: Job) -> Iterator[Span]:
        """See `Tracing`."""
        place = job_place(job)
        if place is None or place.own.sampled:
            with self.span(job.function, place) as span:
                yield span
            return
        apart = SpanPlace(
            TraceContext(OWN_TRACE, place.own.span_id),
            link=TraceContext(place.own.trace_id, place.parent_id or "", sampled=False),
        )
        seen = KeptSpan(job.function, apart)
        yield seen
        if seen.error is not None:
            self.spans.append(seen)

    def past(self, span: PastSpan, place: SpanPlace | None) -> None:
        """See `Tracing`."""
        if place is not None and place.own.sampled:
            kept = KeptSpan(span.name, place, dict(span.attributes), span.error, is_over=True)
            self.spans.append(kept)

    def call(
        self,
        server: str,
        command: str,
        target: str | None,
        seconds: float,  # noqa: ARG002
        *,
        failed: bool,  # noqa: ARG002
    ) -> None:
        """See `Tracing`."""
        span = self._open.get()
        if span is not None and not span.is_over and len(span.calls) < CALLS_SEEN:
            span.calls.append(" ".join(filter(None, (server, command, target))))
