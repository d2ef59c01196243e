"""The small HTTP server of a process without an API: /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from pedidos_common.runtime.listening import listening_socket, port_of, write_port_file
from pedidos_common.runtime.readiness import Check, readiness

log = structlog.get_logger(__name__)

CHECK_SECONDS = 3.0
REQUEST_SECONDS = 5.0
LARGEST_HEAD_BYTES = 16_384
CONNECTIONS_AT_ONCE = 32


class Answer(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


class StatusServer:
    """Answers probes and scrapes.

    `/healthz` is 200 while `stuck()` names nothing (and the event loop runs), `/readyz` while
    every check holds, `/metrics` is the registry in Prometheus' own formats.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        checks: Mapping[str, Check],
        stuck: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._registry = registry
        self._checks = checks
        self._stuck = stuck
        self._free = asyncio.Semaphore(CONNECTIONS_AT_ONCE)
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self._server: asyncio.Server | None = None

    async def start(
        self, host: str, port: int, setting: str = "METRICS_PORT", port_file: Path | None = None
    ) -> int:
        """Listen and say where; the port. A port in use ends the process with status 2."""
        listening = listening_socket(host, port, setting)
        return await self.serve(listening, port_file)

    async def serve(self, listening: socket.socket, port_file: Path | None = None) -> int:
        """Answer on a socket that listens already."""
        self._server = await asyncio.start_server(
            self._connected, sock=listening, limit=LARGEST_HEAD_BYTES
        )
        port = port_of(listening)
        write_port_file(port_file, port)
        log.info("status_server_started", host=listening.getsockname()[0], port=port)
        return port

    async def close(self) -> None:
        """Stop listening, and end the connections that are open."""
        if self._server is not None:
            self._server.close()
        ended = list(self._open.values())
        for writer in list(self._open):
            writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                await asyncio.gather(*(event.wait() for event in ended))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = self._open[writer] = asyncio.Event()
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with self._free, asyncio.timeout(REQUEST_SECONDS):
                await self._exchange(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        del self._open[writer]
        ended.set()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            answer, method = _text(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long"), "GET"
        else:
            method, path, accept = _parsed(head)
            answer = await self._answer(method, path, accept)
        writer.write(_packed(answer, with_body=method != "HEAD"))
        await writer.drain()

    async def _answer(self, method: str, path: str, accept: str) -> Answer:
        if method not in {"GET", "HEAD"}:
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
        match path.partition("?")[0]:
            case "/healthz":
                stuck = list(self._stuck())
                said = {"status": "stuck", "stuck": stuck} if stuck else {"status": "ok"}
                return _json(said, not stuck)
            case "/readyz":
                found = await readiness(self._checks, CHECK_SECONDS)
                reasons = {} if found.ready else {"reasons": dict(found.reasons)}
                return _json({**found.verdicts, **reasons}, found.ready)
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return Answer(HTTPStatus.OK, content_type, encode(self._registry))
        return _text(HTTPStatus.NOT_FOUND, "try /healthz, /readyz or /metrics")


def _parsed(head: bytes) -> tuple[str, str, str]:
    request, *headers = head.decode("latin-1").split("\r\n")
    method, path, *_version = [*request.split(" "), "", ""]
    accept = [line for line in headers if line.lower().startswith("accept:")]
    return method, path, accept[0][7:].strip() if accept else ""


def _text(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


def _json(said: Mapping[str, object], well: bool) -> Answer:
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "application/json", json.dumps(said).encode())


def _packed(answer: Answer, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (answer.body if with_body else b"")
