"""Spans on their way to an OTLP receiver: a bounded number waits, and none holds anything up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

log = structlog.get_logger(__name__)
TRACES_PATH = "/v1/traces"
MOST_WAITING = 2_048
MOST_AT_ONCE = 512
SEND_EVERY_SECONDS = 1.0
REPLY_SECONDS = 5.0
LOG_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where spans are sent: the base of its addresses, and what it wants to be told.

    `certificate` is a file with the authorities that its own is checked by.
    """

    endpoint: str
    headers: Mapping[str, str]
    certificate: Path | None = None

    def exporter(self) -> OTLPSpanExporter:
        """The SDK's own way there."""
        return OTLPSpanExporter(
            endpoint=self.endpoint.rstrip("/") + TRACES_PATH,
            headers=dict(self.headers),
            timeout=REPLY_SECONDS,
            certificate_file=str(self.certificate) if self.certificate else None,
        )


class SpanTally:
    """How many spans were sent and lost, and how many wait; told from several threads."""

    def __init__(self, most_waiting: int) -> None:
        self._most, self._lock = most_waiting, threading.Lock()
        self.sent = self.lost = self.waiting = 0
        self.is_closed = False

    def enter(self) -> bool:
        """One more wants to wait; False where it is lost instead."""
        with self._lock:
            fits = self.waiting < self._most
            self.waiting += fits
            self.lost += not fits
            return fits

    def left(self, count: int, *, sent: bool) -> None:
        """So many wait no more; not told any more once all was given up."""
        with self._lock:
            if self.is_closed:
                return
            self.waiting -= count
            self.sent += count if sent else 0
            self.lost += 0 if sent else count

    def give_up(self) -> None:
        """Nothing is sent any more: what waits is lost."""
        self.left(self.waiting, sent=False)
        self.is_closed = True


class TalliedExporter(SpanExporter):
    """Tells the tally what became of spans, and the log of a receiver that takes none, rarely."""

    def __init__(self, exporter: SpanExporter, tally: SpanTally, address: str) -> None:
        self._exporter, self._tally, self._address = exporter, tally, address
        self._told_at = float("-inf")
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; those that the receiver does not take are lost."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            well = result is SpanExportResult.SUCCESS
            self._tally.left(len(spans), sent=well)
            self._tell(is_away=not well)
        return result

    def _tell(self, *, is_away: bool) -> None:
        if self._tally.is_closed:
            return
        if self._is_away and not is_away:
            log.info("traces_sent_again", address=self._address, lost=self._tally.lost)
        if is_away and time.monotonic() - self._told_at >= LOG_EVERY_SECONDS:
            self._told_at = time.monotonic()
            log.warning(
                "traces_not_sent",
                address=self._address,
                lost=self._tally.lost,
                message=f"The OTLP receiver at {self._address} takes no spans: they are dropped, "
                "and nothing else suffers. See that it answers OTLP over HTTP "
                "(OTEL_EXPORTER_OTLP_ENDPOINT), or unset that variable",
            )
        self._is_away = is_away

    def shutdown(self) -> None:
        """Send no more."""
        self._exporter.shutdown()


class BoundedProcessor(SpanProcessor):
    """Hands spans that ended to a thread that sends them; those that find no room are lost."""

    def __init__(
        self, exporter: SpanExporter, address: str, most_waiting: int = MOST_WAITING
    ) -> None:
        # the SDK tells of each failed try, at length
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self.tally = SpanTally(most_waiting)
        self._exporter = TalliedExporter(exporter, self.tally, address)
        self._batches = BatchSpanProcessor(
            self._exporter,
            max_queue_size=most_waiting,
            schedule_delay_millis=SEND_EVERY_SECONDS * 1_000,
            max_export_batch_size=min(MOST_AT_ONCE, most_waiting),
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to be done yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take the span, where there is room."""
        if self.tally.enter():
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits; may take as long as the receiver lets it."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits, now."""
        return self._batches.force_flush(timeout_millis)

    def close(self, seconds: float) -> None:
        """Send what waits, as far as that is done within `seconds`; the rest is lost."""
        closing = threading.Thread(target=self.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(seconds)
        if closing.is_alive():
            self._exporter.shutdown()
            self.tally.give_up()
