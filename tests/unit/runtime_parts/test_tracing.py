"""Spans on their way to a receiver, which may be away, slow or gone: nothing else suffers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bench.traces.receiver import Received, receiving
from pedidos_cli.free_ports import free_port
from pedidos_common.adapters.otlp.sending import BoundedProcessor
from pedidos_common.adapters.otlp.tracing import OtlpTracing
from pedidos_common.domain.tracing import SpanPlace, TraceContext, span_id_of
from pedidos_common.ports import Tracing, Untraced
from pedidos_common.runtime.redaction import redact
from pedidos_common.runtime.settings import TracingSettings
from pedidos_common.runtime.tracing import traced
from pedidos_common.testing.eventually import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def record(tracing: Tracing, number: int) -> None:
    place = SpanPlace(TraceContext(TRACE, span_id_of(str(number))))
    with tracing.span(f"span {number}", place):
        pass


def counted(registry: CollectorRegistry, outcome: str) -> float:
    labels = {"outcome": outcome}
    return registry.get_sample_value("pedidos_trace_spans_total", labels) or 0.0


class Stuck(SpanExporter):
    """A receiver that does not answer until it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go_on.wait(10.0)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.go_on.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    exporter = Stuck()
    yield exporter
    exporter.go_on.set()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def settings_of(endpoint: str | None, **more: object) -> TracingSettings:
    return TracingSettings(otel_exporter_otlp_endpoint=endpoint, **more)  # type: ignore[arg-type]


async def test_spans_reach_the_receiver_with_who_sent_them_before_the_process_ends() -> None:
    received, registry = Received(), CollectorRegistry()
    with receiving(received) as endpoint:
        headers = {"otel_exporter_otlp_headers": "X-Token=a%20b,x-other=c"}
        async with traced(settings_of(endpoint, **headers), "worker", "w-1", registry) as tracing:
            record(tracing, 1)
    (span,) = received.spans()
    assert (span.service, span.process, span.name) == ("worker", "w-1", "span 1")
    assert (span.trace_id, span.span_id) == (TRACE, span_id_of("1"))
    sent = {name.lower(): value for name, value in received.headers.items()}
    assert (sent["x-token"], sent["x-other"]) == ("a b", "c")
    assert (counted(registry, "sent"), counted(registry, "lost")) == (1, 0)


async def test_a_receiver_that_refuses_costs_the_spans_alone_and_is_told_of_once() -> None:
    received, registry = Received(), CollectorRegistry()
    received.status = 400
    with capture_logs() as lines, receiving(received) as endpoint:
        async with traced(settings_of(endpoint), "worker", "w", registry) as tracing:
            for number in range(600):
                record(tracing, number)
            await eventually(lambda: counted(registry, "lost") == 600)
            received.status = 200
            record(tracing, 601)
            await eventually(lambda: counted(registry, "sent") == 1)
    told = [line["event"] for line in lines if line["event"].startswith("traces_")]
    assert told == ["traces_not_sent", "traces_sent_again"]


async def test_a_receiver_that_is_not_there_does_not_hold_up_the_end() -> None:
    registry, began = CollectorRegistry(), time.monotonic()
    settings = settings_of(f"http://127.0.0.1:{free_port()}")
    with capture_logs() as lines:
        async with traced(settings, "worker", "w", registry) as tracing:
            record(tracing, 1)
            recorded_at = time.monotonic()
    assert recorded_at - began < 1.0
    assert time.monotonic() - recorded_at < 5.0
    assert counted(registry, "lost") == 1
    assert lines[0]["event"] == "tracing_started"


def test_spans_that_find_no_room_are_lost_at_once_and_counted(stuck: Stuck) -> None:
    processor = BoundedProcessor(stuck, "somewhere", most_waiting=8)
    tracing = OtlpTracing(processor, {"service.name": "test"})
    began = time.monotonic()
    for number in range(1_000):
        record(tracing, number)
    assert time.monotonic() - began < 2.0
    assert processor.tally.lost == 992
    stuck.go_on.set()
    processor.close(5.0)
    assert (processor.tally.sent, processor.tally.waiting) == (8, 0)


def test_a_receiver_that_hangs_is_left_after_the_time_that_there_is(stuck: Stuck) -> None:
    processor = BoundedProcessor(stuck, "somewhere")
    record(OtlpTracing(processor, {}), 1)
    began = time.monotonic()
    processor.close(0.2)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 0), (1.0, 400), (0.25, 100)])
def test_the_share_of_traces_is_as_asked_for(
    ratio: float, expected: int, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG", raising=False)
    processor = BoundedProcessor(stuck, "somewhere")
    tracing = OtlpTracing(processor, {}, ratio)
    begun = sum(tracing.begins(span_id_of(f"a{n}") + span_id_of(f"b{n}")) for n in range(400))
    stuck.go_on.set()
    processor.close(5.0)
    assert begun == pytest.approx(expected, abs=40)


class Keeping(SpanExporter):
    """A receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


def test_reasons_lose_their_secrets() -> None:
    exporter = Keeping()
    processor = BoundedProcessor(exporter, "somewhere")
    tracing = OtlpTracing(processor, {}, redact=redact)
    with tracing.span("work", SpanPlace(TraceContext(TRACE, span_id_of("1")))) as span:
        span.fail("mongodb://user:hunter2@host refused")
    processor.close(5.0)
    assert exporter.spans[0].status.description == "mongodb://user:***@host refused"


async def test_without_a_receiver_nothing_is_traced() -> None:
    registry = CollectorRegistry()
    async with traced(settings_of(None), "worker", "w", registry) as tracing:
        assert isinstance(tracing, Untraced)
    assert (counted(registry, "sent"), counted(registry, "lost")) == (0, 0)


def test_a_service_that_traces_nothing_does_not_load_the_exporter() -> None:
    look = (
        "import sys, pedidos_worker.__main__, pedidos_orchestrator.__main__; "
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'google.protobuf'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "endpoint", ["localhost:4318", "grpc://host:4317", "http://", "http://host:port"]
)
def test_an_endpoint_that_makes_no_sense_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="an address like"):
        settings_of(endpoint)
