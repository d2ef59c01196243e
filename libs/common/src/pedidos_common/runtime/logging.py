"""Structured logs: one JSON object a line, the same to every place that they go to."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from pedidos_common.domain.texts import storable
from pedidos_common.ports import LogGathering
from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.log_files import FileLogs
from pedidos_common.runtime.log_shipping import LogShipper
from pedidos_common.runtime.redaction import redact, redact_fields
from pedidos_common.runtime.settings import LogSettings

# their INFO lines say what ours say already, or one for every request or job
CHATTY = ("arq", "asyncio", "httpcore", "httpx", "pymongo", "uvicorn", "uvicorn.access")
LONGEST_TRACE = 6_000

Processors = list[structlog.typing.Processor]


class Logs:
    """The log outputs of this process, until `close()`."""

    def __init__(self, shipper: LogShipper | None, files: FileLogs | None) -> None:
        self._shipper = shipper
        self._files = files

    @property
    def dropped(self) -> int:
        """Lines that were written to standard output and lost on their other ways."""
        return sum(output.dropped for output in (self._shipper, self._files) if output is not None)

    async def ship(self, gathering: LogGathering) -> None:
        """Hand lines to the gathering until cancelled; ends at once with BACKEND_LOGS=false."""
        if self._shipper is not None:
            await self._shipper.run(gathering)

    async def ship_rest(self, gathering: LogGathering) -> None:
        """Hand over what is left, as far as the gathering takes it now."""
        if self._shipper is not None:
            await self._shipper.ship_rest(gathering)

    def close(self) -> None:
        """Write out and close the files, and detach from the logging of Python."""
        root = logging.getLogger()
        for handler in list(root.handlers):
            if isinstance(handler, (LogShipper, StandardOutput)) or handler is self._files:
                root.removeHandler(handler)
        if self._files is not None:
            self._files.close()
        logging.captureWarnings(capture=False)


class StandardOutput(logging.StreamHandler[TextIO]):
    """The one place where every line goes."""


def configure_logging(
    settings: LogSettings, service: str, process: str, stream: TextIO | None = None
) -> Logs:
    """Send the logs of structlog and of Python's logging to standard output and further.

    Every line has `event`, `level`, `timestamp` (ISO 8601, UTC, milliseconds), `service`,
    `process`, and what is bound in `structlog.contextvars` (runId, jobId, traceId, spanId). A
    `LOG_DIR` that can't be written ends the process with status 2.
    """
    before = _enrichment(service, process)
    shipper = LogShipper(service) if settings.backend_logs else None
    files = _files(settings.log_dir)
    outputs = [StandardOutput(stream or sys.stdout), shipper, files]
    present: list[logging.Handler] = [output for output in outputs if output is not None]
    _install(present, _rendering(before), settings.log_level)
    _hand_structlog_over(before)
    return Logs(shipper, files)


def _enrichment(service: str, process: str) -> Processors:
    """What every line gets, whichever of both libraries it comes from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info,
        _Stamp(service, process),
        redact_fields,
    ]


def _rendering(before: Processors) -> OneRendering:
    return OneRendering(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ],
        foreign_pre_chain=before,
    )


def _hand_structlog_over(before: Processors) -> None:
    """Make structlog's lines records of Python's logging, so that they have the same outputs."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _files(folder: Path | None) -> FileLogs | None:
    if folder is None:
        return None
    try:
        files = FileLogs(folder)
    except OSError as error:
        give_up(f": LOG_DIR={folder} can't be written ({error.strerror})")
    return files


def _install(outputs: list[logging.Handler], formatter: logging.Formatter, level: str) -> None:
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, (StandardOutput, LogShipper, FileLogs)):
            root.removeHandler(handler)
            handler.close()
    for output in outputs:
        output.setFormatter(formatter)
        root.addHandler(output)
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


class OneRendering(structlog.stdlib.ProcessorFormatter):
    """Renders a record once, however many handlers ask."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON that UTF-8 can hold, without passwords."""
        line = getattr(record, "rendered_line", None)
        if line is None:
            line = storable(redact(super().format(record)))
            record.rendered_line = line
        return cast("str", line)


class _Stamp:
    """A structlog processor that says when, and by whom."""

    def __init__(self, service: str, process: str) -> None:
        self._who = {"service": service, "process": process}

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        event["timestamp"] = now.removesuffix("+00:00") + "Z"
        for name, value in self._who.items():
            event.setdefault(name, value)
        with suppress(KeyError):
            event["exception"] = str(event["exception"])[-LONGEST_TRACE:]
        return event
