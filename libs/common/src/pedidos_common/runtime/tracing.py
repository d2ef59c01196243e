"""Tracing of a process: set up where an OTLP receiver is named, and closed last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from pedidos_common.ports import Tracing, Untraced
from pedidos_common.runtime.metrics import ReadCounter
from pedidos_common.runtime.redaction import redact, shown_address
from pedidos_common.runtime.settings import TracingSettings

log = structlog.get_logger(__name__)
NAMESPACE = "pedidos"
FLUSH_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class SpansSent:
    """How many spans reached the receiver, and how many were lost."""

    sent: int = 0
    lost: int = 0


def watch_spans(registry: CollectorRegistry, read: Callable[[], SpansSent]) -> None:
    """Expose what became of the spans of this process."""
    registry.register(
        ReadCounter(
            "pedidos_trace_spans",
            "Spans that were sent to the OTLP receiver, or lost on the way.",
            ("outcome",),
            lambda: [(("sent",), read().sent), (("lost",), read().lost)],
        )
    )


@asynccontextmanager
async def traced(
    settings: TracingSettings, service: str, process: str, registry: CollectorRegistry
) -> AsyncIterator[Tracing]:
    """The tracing of this process; what was recorded is sent at the end, for a few seconds."""
    if settings.otel_exporter_otlp_endpoint is None:
        watch_spans(registry, SpansSent)
        yield Untraced()
        return
    # a process that traces nothing has neither the time nor the memory of these modules
    from pedidos_common.adapters.otlp.sending import BoundedProcessor, Receiver
    from pedidos_common.adapters.otlp.tracing import OtlpTracing

    endpoint = settings.otel_exporter_otlp_endpoint
    receiver = Receiver(endpoint, settings.otlp_headers(), settings.otel_exporter_otlp_certificate)
    processor = BoundedProcessor(receiver.exporter(), shown_address(endpoint))
    watch_spans(registry, lambda: SpansSent(processor.tally.sent, processor.tally.lost))
    log.info("tracing_started", address=shown_address(endpoint))
    try:
        yield OtlpTracing(
            processor,
            _resource(settings, service, process),
            settings.otel_traces_sampler_arg,
            settings.traces_apart_ratio,
            redact,
        )
    finally:
        await asyncio.to_thread(processor.close, FLUSH_SECONDS)


def _resource(settings: TracingSettings, service: str, process: str) -> dict[str, str]:
    return {
        "service.name": settings.otel_service_name or service,
        "service.namespace": NAMESPACE,
        "service.instance.id": process,
    }
