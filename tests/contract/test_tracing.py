"""Every tracing records what it is to record, where it stands, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pedidos_common.adapters.otlp.tracing import OtlpTracing
from pedidos_common.domain.jobs import Band, Job, JobStatus
from pedidos_common.domain.tracing import SpanPlace, TraceContext, span_id_of
from pedidos_common.ports import PastSpan, Tracing
from pedidos_common.testing.in_memory_tracing import InMemoryTracing

TRACE, PARENT, OWN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "b" * 16
PLACE = SpanPlace(TraceContext(TRACE, OWN), PARENT)
UNSAMPLED = SpanPlace(TraceContext(TRACE, OWN, sampled=False), PARENT)
NOW = datetime(2025, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    """A span as either tracing kept it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    link: str | None
    error: str | None
    calls: int
    attributes: dict[str, object] = field(default_factory=dict)


@dataclass
class Lab:
    """A tracing, and what it has recorded."""

    tracing: Tracing
    read: Callable[[], list[Seen]]

    def one(self) -> Seen:
        (span,) = self.read()
        return span


def in_memory() -> Lab:
    tracing = InMemoryTracing()

    def read() -> list[Seen]:
        return [
            Seen(
                span.title,
                span.place.own.trace_id,
                span.place.own.span_id,
                span.place.parent_id,
                span.place.link.span_id if span.place.link else None,
                span.error,
                len(span.calls),
                dict(span.attributes),
            )
            for span in tracing.spans
        ]

    return Lab(tracing, read)


def otlp() -> Lab:
    exporter = InMemorySpanExporter()
    tracing = OtlpTracing(SimpleSpanProcessor(exporter), {"service.name": "test"})
    return Lab(tracing, lambda: _seen(exporter.get_finished_spans()))


def _seen(spans: Sequence[ReadableSpan]) -> list[Seen]:
    own = [span for span in spans if "db.operation.name" not in (span.attributes or {})]
    return [
        Seen(
            span.name,
            f"{span.context.trace_id:032x}",
            f"{span.context.span_id:016x}",
            f"{span.parent.span_id:016x}" if span.parent else None,
            f"{span.links[0].context.span_id:016x}" if span.links else None,
            span.status.description,
            sum(
                one.parent is not None
                and (one.parent.trace_id, one.parent.span_id)
                == (span.context.trace_id, span.context.span_id)
                for one in spans
                if one not in own
            ),
            dict(span.attributes or {}),
        )
        for span in own
    ]


def otlp_with(apart_ratio: float) -> Lab:
    exporter = InMemorySpanExporter()
    tracing = OtlpTracing(SimpleSpanProcessor(exporter), {}, apart_ratio=apart_ratio)
    return Lab(tracing, lambda: _seen(exporter.get_finished_spans()))


@pytest.fixture(params=[in_memory, otlp])
def lab(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.param()
    return found


def job(trace: str | None, deliveries: int = 2) -> Job:
    return Job(
        "r:vip:0:0",
        "f",
        "orders",
        Band.HIGH,
        {},
        JobStatus.RUNNING,
        NOW,
        scope="r",
        deliveries=deliveries,
        trace=trace,
    )


def test_a_span_has_the_ids_of_its_place(lab: Lab) -> None:
    with lab.tracing.span("work", PLACE) as span:
        span.name("better")
        span.note({"n": 1})
    seen = lab.one()
    assert (seen.name, seen.trace_id, seen.span_id, seen.parent_id) == (
        "better",
        TRACE,
        OWN,
        PARENT,
    )
    assert (seen.parent_id, seen.link, seen.error) == (PARENT, None, None)
    assert seen.attributes == {"n": 1}


def test_a_trace_that_begins_here_has_the_id_of_its_place(lab: Lab) -> None:
    with lab.tracing.span("work", SpanPlace(TraceContext(TRACE, OWN))):
        pass
    assert (lab.one().trace_id, lab.one().parent_id) == (TRACE, None)


@pytest.mark.parametrize("place", [None, UNSAMPLED])
def test_what_is_not_sampled_is_not_recorded(lab: Lab, place: SpanPlace | None) -> None:
    with lab.tracing.span("work", place) as span:
        span.fail("reason")
        lab.tracing.call("mongodb", "find", "orders", 0.1, failed=False)
    lab.tracing.past(PastSpan("before", NOW, NOW), place)
    with lab.tracing.job(job(UNSAMPLED.own.traceparent)), lab.tracing.job(job(None)):
        pass
    assert lab.read() == []


def test_an_exception_that_leaves_a_span_is_noted_and_goes_on(lab: Lab) -> None:
    with pytest.raises(ZeroDivisionError), lab.tracing.span("work", PLACE):
        raise ZeroDivisionError("with words that may be anybody's")
    assert lab.one().error == "ZeroDivisionError"


def test_lines_of_a_span_carry_its_ids(lab: Lab) -> None:
    with lab.tracing.span("work", PLACE):
        assert structlog.contextvars.get_contextvars() == {"traceId": TRACE, "spanId": OWN}
    assert structlog.contextvars.get_contextvars() == {}


def test_what_is_over_is_recorded_afterwards(lab: Lab) -> None:
    span = PastSpan("phase", NOW, NOW + timedelta(seconds=2), "it broke", {"n": 2})
    lab.tracing.past(span, PLACE)
    seen = lab.one()
    assert (seen.name, seen.span_id, seen.error) == ("phase", OWN, "it broke")
    assert seen.attributes == {"n": 2}


def test_the_first_calls_in_a_span_are_seen_and_none_outside(lab: Lab) -> None:
    lab.tracing.call("mongodb", "find", "orders", 0.1, failed=False)
    with lab.tracing.span("work", PLACE):
        for _ in range(50):
            lab.tracing.call("mongodb", "find", "orders", 0.1, failed=True)
    lab.tracing.call("mongodb", "find", "orders", 0.1, failed=False)
    assert lab.one().calls == 20


def test_a_job_is_below_the_span_that_it_names(lab: Lab) -> None:
    with lab.tracing.job(job(TraceContext(TRACE, PARENT).traceparent)) as span:
        span.fail("broken")
    seen = lab.one()
    assert (seen.name, seen.trace_id, seen.parent_id, seen.error) == ("f", TRACE, PARENT, "broken")
    assert seen.span_id == span_id_of("r:vip:0:0:2")


def test_a_failed_job_outside_of_the_sample_has_a_trace_of_its_own_with_a_link(lab: Lab) -> None:
    with lab.tracing.job(job(TraceContext(TRACE, PARENT, sampled=False).traceparent)) as span:
        span.fail("broken")
    seen = lab.one()
    assert (seen.name, seen.error, seen.parent_id, seen.link) == ("f", "broken", None, PARENT)
    assert seen.trace_id != TRACE


def test_a_share_of_the_jobs_outside_of_the_sample_have_traces_of_their_own_with_links() -> None:
    lab = otlp_with(0.5)
    for _ in range(200):
        with lab.tracing.job(job(TraceContext(TRACE, PARENT, sampled=False).traceparent)):
            lab.tracing.call("mongodb", "update", "orders", 0.1, failed=False)
    spans = lab.read()
    assert 50 < len(spans) < 150
    assert {(one.parent_id, one.link, one.calls) for one in spans} == {(None, PARENT, 1)}
    assert len({one.trace_id for one in spans}) == len(spans)


def test_of_many_jobs_that_fail_outside_of_the_sample_one_a_second_is_recorded() -> None:
    lab = otlp_with(0.0)
    for _ in range(200):
        with lab.tracing.job(job(TraceContext(TRACE, PARENT, sampled=False).traceparent)) as span:
            span.fail("broken")
    assert 1 <= len(lab.read()) <= 3
