"""A small stand-in for the API: answers what a test told it to, and remembers what was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RUN = "01934f1e-7c00-8a1b-8c3d-4e0000000000"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeApi:
    """Routes by `METHOD path`; a list is answered one after another, its last for ever.

    An answer is `(status, document)`, or bytes that are sent as they are.
    """

    url: str = ""
    routes: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, request: Asked) -> tuple[int, bytes, str]:
        """Status, body and content type."""
        found = self.routes.get(f"{request.method} {request.path}", (404, {"detail": "unknown"}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(request)
        if isinstance(found, bytes):
            kind = "text/event-stream" if request.path.endswith("stream") else "text/csv"
            return 200, found, kind
        status, document = found if isinstance(found, tuple) else (200, found)
        return status, json.dumps(document).encode(), "application/json"

    def requests(self, path: str) -> list[Asked]:
        """What was asked of a path."""
        return [one for one in self.asked if one.path == path]


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            headers = {key.lower(): value for key, value in self.headers.items()}
            body = self.rfile.read(length)
            query = dict(parse_qsl(parts.query))
            request = Asked(self.command, parts.path, query, headers, body)
            api.asked.append(request)
            status, sent, kind = api.answer(request)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(sent)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextlib.contextmanager
def serving() -> Iterator[FakeApi]:
    """The stand-in on a loopback port while the context lasts."""
    api = FakeApi()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(api)) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def status(phase: str, **changed: Any) -> dict[str, Any]:
    """A status object as the API sends it."""
    document: dict[str, Any] = {
        "phase": phase,
        "lastRunId": RUN,
        "generationTimeMs": 1200,
        "processing": {
            "vip": {"start": None, "end": None, "timeMs": None, "count": 5, "failed": 1},
            "normal": {"start": None, "end": None, "timeMs": None, "count": 40, "failed": 0},
        },
        "totalTimeMs": None,
        "counts": {"vip": 10, "normal": 90},
        "throughput": {"vip": 5.0, "normal": None, "overall": 12_000.0},
        "eta": {"estimatedMs": 4200, "progressPercent": 46.0},
        "progress": {"target": 100, "generated": 100, "processedTotal": 46},
        "error": None,
        "queueState": "running",
    }
    return document | changed


def run(phase: str, **changed: Any) -> dict[str, Any]:
    """A run as history keeps it."""
    document: dict[str, Any] = {
        "runId": RUN,
        "phase": phase,
        "createdAt": "2025-01-02T03:04:05.678Z",
        "quantity": 100,
        "generationTimeMs": 1200,
        "processingTimeVIPMs": 2000,
        "processingTimeNormalMs": 3000,
        "startVIP": "2025-01-02T03:04:06.000Z",
        "endVIP": "2025-01-02T03:04:08.000Z",
        "startNormal": "2025-01-02T03:04:08.000Z",
        "endNormal": "2025-01-02T03:04:11.000Z",
        "totalProcessedVIP": 9,
        "totalProcessedNormal": 90,
        "totalFailedVIP": 1,
        "totalFailedNormal": 0,
        "totalTimeMs": 6000,
        "phases": [{"phase": "GENERATING", "at": "2025-01-02T03:04:05.678Z"}],
        "error": None,
    }
    return document | changed


def events(*states: dict[str, Any]) -> bytes:
    """A stream of server-sent events that then ends."""
    return "".join(f"event: status\ndata: {json.dumps(one)}\n\n" for one in states).encode()


Route = Callable[[Asked], Any]
