"""An OTLP receiver over HTTP: what OpenTelemetry's own messages say, kept as plain values."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PATH = "/v1/traces"
MOST_KEPT = 100_000
LARGEST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it was received; ids in hex, `parent_id` empty where it has none, times in ns.

    `links` are (trace id, span id); `kind` is `SERVER`, `CONSUMER`, `CLIENT` or `INTERNAL`.
    """

    service: str
    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    links: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began) / 1e6


class Received:
    """The newest spans so far, and the headers of the last request; may be read from any thread.

    With `keep` off they are counted and forgotten. `status` is what is answered.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._lock, self._spans = threading.Lock(), deque[SeenSpan](maxlen=MOST_KEPT)
        self._keep, self.count, self.status = keep, 0, 200
        self.headers: Mapping[str, str] = {}

    def add(self, spans: Sequence[SeenSpan], headers: Mapping[str, str]) -> None:
        """A request came."""
        with self._lock:
            self.count += len(spans)
            self.headers = headers
            if self._keep:
                self._spans += spans

    def spans(self, trace_id: str | None = None) -> list[SeenSpan]:
        """All spans, or those of a trace."""
        with self._lock:
            return [one for one in self._spans if trace_id in {None, one.trace_id}]


@contextlib.contextmanager
def receiving(received: Received, port: int = 0) -> Iterator[str]:
    """Listen on loopback; the value for OTEL_EXPORTER_OTLP_ENDPOINT."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(received))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def spans_of(request: ExportTraceServiceRequest) -> list[SeenSpan]:
    """What a request brings."""
    return [
        _seen(span, _values(resource.resource.attributes))
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _seen(span: Span, resource: Mapping[str, Any]) -> SeenSpan:
    failed = span.status.code == Status.StatusCode.STATUS_CODE_ERROR
    return SeenSpan(
        service=str(resource.get("service.name", "")),
        process=str(resource.get("service.instance.id", "")),
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        attributes=_values(span.attributes),
        error=span.status.message if failed else None,
    )


def _values(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else None
    return found


def _handler(received: Received) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Take one request of an exporter."""
            length = int(self.headers.get("content-length", 0))
            if self.path != PATH or length > LARGEST_BODY:
                self._answer(404 if self.path != PATH else 413)
                return
            body = self.rfile.read(length)
            if received.status == 200:
                plain = gzip.decompress(body) if self.headers.get("content-encoding") else body
                received.add(
                    spans_of(ExportTraceServiceRequest.FromString(plain)), dict(self.headers)
                )
            self._answer(received.status)

        def _answer(self, status: int) -> None:
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    return Handler
