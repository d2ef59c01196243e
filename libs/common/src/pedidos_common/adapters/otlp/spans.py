"""The parts that spans are made of, in OpenTelemetry's words."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.tracing import SpanPlace, TraceContext
from pedidos_common.ports import UnseenSpan
from pedidos_common.ports.tracing import Value

CALLS_SEEN = 20
LONGEST_REASON = 300


class PlannedIds(RandomIdGenerator):
    """Gives the next span the ids of its place, where it has one."""

    def __init__(self) -> None:
        self.planned: ContextVar[TraceContext | None] = ContextVar("planned", default=None)

    def generate_span_id(self) -> int:
        """See `IdGenerator`."""
        planned = self.planned.get()
        return int(planned.span_id, 16) if planned else super().generate_span_id()

    def generate_trace_id(self) -> int:
        """See `IdGenerator`."""
        planned = self.planned.get()
        return int(planned.trace_id, 16) if planned else super().generate_trace_id()


class OpenSpan:
    """A recorded span while it lasts; its first calls of servers become spans below it."""

    def __init__(self, span: trace.Span, redact: Callable[[str], str]) -> None:
        self._span, self._redact = span, redact
        self.below = trace.set_span_in_context(span, contexts.Context())
        self.calls = 0
        self.is_over = False

    def name(self, name: str) -> None:
        """See `Span`."""
        self._span.update_name(name)

    def note(self, attributes: Mapping[str, Value]) -> None:
        """See `Span`."""
        for name, value in attributes.items():
            self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        """See `Span`."""
        fail(self._span, self._redact(reason))

    def end(self) -> None:
        """It is over; calls that come later are not of it."""
        self.is_over = True
        if self.calls > CALLS_SEEN:
            self.note({"pedidos.calls": self.calls})
        self._span.end()


class ApartJob(UnseenSpan):
    """A job outside of the sample, which is recorded afterwards where it failed."""

    def __init__(self) -> None:
        self.attributes: dict[str, Value] = {}
        self.reason: str | None = None

    def note(self, attributes: Mapping[str, Value]) -> None:
        """See `Span`."""
        self.attributes.update(attributes)

    def fail(self, reason: str) -> None:
        """See `Span`."""
        self.reason = reason


def about(job: Job) -> dict[str, Value]:
    """What a job's span says."""
    found: dict[str, Value] = {
        "pedidos.job.id": job.id,
        "pedidos.job.delivery": job.deliveries,
        "pedidos.queue": job.queue,
    }
    return found | ({"pedidos.run.id": job.scope} if job.scope else {})


def about_call(server: str, command: str, target: str | None) -> dict[str, Value]:
    """What the span of a server's command says."""
    found: dict[str, Value] = {"db.system.name": server, "db.operation.name": command}
    return found | ({"db.collection.name": target} if target else {})


def apart(place: SpanPlace) -> SpanPlace:
    """A trace of the job's own, linked to what caused it."""
    cause = TraceContext(place.own.trace_id, place.parent_id or place.own.span_id, sampled=False)
    own = TraceContext(f"{random.getrandbits(128) or 1:032x}", place.own.span_id)
    return SpanPlace(own, link=cause)


def remote(span: TraceContext) -> trace.Span:
    """A span that is known by its ids."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if span.sampled else 0)
    context = trace.SpanContext(
        int(span.trace_id, 16), int(span.span_id, 16), is_remote=True, trace_flags=flags
    )
    return trace.NonRecordingSpan(context)


def fail(span: trace.Span, reason: str) -> None:
    """Say that it did not go well."""
    span.set_status(trace.Status(trace.StatusCode.ERROR, reason[:LONGEST_REASON]))


def nanoseconds(at: datetime) -> int:
    """Since 1970."""
    return int(at.timestamp() * 1e9)
