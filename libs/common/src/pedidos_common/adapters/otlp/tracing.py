"""`ports.Tracing` by OpenTelemetry's SDK. Nothing of it is global."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from pedidos_common.adapters.clock import now
from pedidos_common.adapters.otlp.spans import (
    CALLS_SEEN,
    ApartJob,
    OpenSpan,
    PlannedIds,
    about,
    about_call,
    apart,
    fail,
    nanoseconds,
    remote,
)
from pedidos_common.domain.jobs import Job
from pedidos_common.domain.run_spans import job_place
from pedidos_common.domain.tracing import SpanPlace, TraceContext
from pedidos_common.ports import PastSpan, Span, SpanKind, UnseenSpan
from pedidos_common.ports.tracing import Value

APART_EVERY_SECONDS = 1.0
KIND_OF = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}
_OPEN = contexts.create_key("pedidos")


class OtlpTracing:
    """Makes spans and gives them to the processor.

    `ratio` is the share of traces begun here that are recorded; `apart_ratio` the share of jobs
    outside of a run's sample that have a trace of their own. `redact` takes secrets out of texts.
    """

    def __init__(
        self,
        processor: SpanProcessor,
        resource: Mapping[str, str],
        ratio: float = 1.0,
        apart_ratio: float = 0.0,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._ids = PlannedIds()
        # what comes here is sampled already
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create(dict(resource)),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("pedidos")
        self._ratio, self._apart_ratio, self._redact = ratio, apart_ratio, redact
        self._unseen: AbstractContextManager[Span] = nullcontext(UnseenSpan())
        self._apart_at = float("-inf")

    def begins(self, trace_id: str) -> bool:
        """See `Tracing`: by the trace's id, so that every process decides alike."""
        return int(trace_id[16:], 16) < self._ratio * 2**64

    def span(
        self, name: str, place: SpanPlace | None, kind: SpanKind = SpanKind.INTERNAL
    ) -> AbstractContextManager[Span]:
        """See `Tracing`."""
        if place is None or not place.own.sampled:
            return self._unseen
        return self._open(name, place, kind, {})

    def job(self, job: Job) -> AbstractContextManager[Span]:
        """See `Tracing`."""
        place = job_place(job)
        if place is None:
            return self._unseen
        if place.own.sampled:
            return self._open(job.function, place, SpanKind.CONSUMER, about(job))
        # sampling, not a secret
        if random.random() < self._apart_ratio:
            return self._open(job.function, apart(place), SpanKind.CONSUMER, about(job))
        return self._unless_well(job, place)

    def past(self, span: PastSpan, place: SpanPlace | None) -> None:
        """See `Tracing`."""
        if place is None or not place.own.sampled:
            return
        began = nanoseconds(span.began)
        started = self._start(span.name, place, SpanKind.INTERNAL, span.attributes, began)
        if span.error is not None:
            fail(started, self._redact(span.error))
        started.end(max(began, nanoseconds(span.ended)))

    def call(
        self, server: str, command: str, target: str | None, seconds: float, *, failed: bool
    ) -> None:
        """See `Tracing`."""
        span: Any = contexts.get_value(_OPEN)
        if span is None or span.is_over:
            return
        span.calls += 1
        if span.calls > CALLS_SEEN:
            return
        ended = time.time_ns()
        called = self._tracer.start_span(
            f"{command} {target}" if target else command,
            span.below,
            trace.SpanKind.CLIENT,
            about_call(server, command, target),
            start_time=ended - int(seconds * 1e9),
        )
        if failed:
            fail(called, f"{server} refused, or did not answer")
        called.end(ended)

    @contextmanager
    def _open(
        self, name: str, place: SpanPlace, kind: SpanKind, attributes: Mapping[str, Value]
    ) -> Iterator[Span]:
        span = self._start(name, place, kind, attributes)
        opened = OpenSpan(span, self._redact)
        token = contexts.attach(contexts.set_value(_OPEN, opened))
        ids = {"traceId": place.own.trace_id, "spanId": place.own.span_id}
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                yield opened
        except BaseException as error:
            opened.fail(type(error).__name__)
            raise
        finally:
            contexts.detach(token)
            opened.end()

    def _start(
        self,
        name: str,
        place: SpanPlace,
        kind: SpanKind,
        attributes: Mapping[str, Value],
        began: int | None = None,
    ) -> trace.Span:
        around = contexts.Context()
        if place.parent_id is not None:
            parent = TraceContext(place.own.trace_id, place.parent_id)
            around = trace.set_span_in_context(remote(parent), around)
        links = [trace.Link(remote(place.link).get_span_context())] if place.link else ()
        token = self._ids.planned.set(place.own)
        try:
            return self._tracer.start_span(
                name, around, KIND_OF[kind], dict(attributes), links, start_time=began
            )
        finally:
            self._ids.planned.reset(token)

    @contextmanager
    def _unless_well(self, job: Job, place: SpanPlace) -> Iterator[Span]:
        """Record the job once it is over, where it failed and the last such one is a while ago."""
        seen, began = ApartJob(), now()
        yield seen
        moment = time.monotonic()
        if seen.reason is not None and moment - self._apart_at >= APART_EVERY_SECONDS:
            self._apart_at = moment
            attributes = {**about(job), **seen.attributes}
            span = PastSpan(job.function, began, now(), seen.reason, attributes)
            self.past(span, apart(place))
