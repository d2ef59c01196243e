"""A shop's own webhook endpoint: a real HTTP server that keeps what it is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Message:
    """One delivery, as it came, and the status that it was answered with."""

    headers: Mapping[str, str]
    body: bytes
    answered: int

    def is_signed_with(self, key: bytes) -> bool:
        """Whether one of its signatures is right, as Standard Webhooks has a receiver look."""
        head = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}."
        digest = hmac.new(key, head.encode() + self.body, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(digest).decode()}"
        given = self.headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(one, wanted) for one in given)


@dataclass
class Receiver:
    """`url` takes POSTs and answers them with `statuses` in turn, then with 204."""

    url: str
    statuses: list[int]
    messages: list[Message] = field(default_factory=list)

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Keep a delivery; the status to answer."""
        status = self.statuses.pop(0) if self.statuses else 204
        self.messages.append(Message(headers, body, status))
        return status


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    """A receiver on a loopback port, while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook", list(statuses))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
