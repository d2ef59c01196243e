"""uvicorn's HTTP protocol, but a request's head is bounded in size and in time.

The parser keeps a head as large and as long as it comes, before any of the application sees it:
one endless header of a client without a key would fill the memory, and a byte now and then would
hold a connection for good. So would an answer that its client does not read: a connection that is
closed stays until all of it is sent.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD_BYTES = 32 * 1024
LONGEST_TARGET_BYTES = 8 * 1024
MOST_HEADERS = 100
HEAD_SECONDS = 15.0
READ_SECONDS = 30.0
DETAILS = {
    HTTPStatus.BAD_REQUEST: "this is no HTTP request that can be read",
    HTTPStatus.REQUEST_TIMEOUT: "the head of the request was not whole in time",
    HTTPStatus.REQUEST_URI_TOO_LONG: (
        f"the path and its query are longer than {LONGEST_TARGET_BYTES} bytes together"
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        f"the request has more than {LARGEST_HEAD_BYTES} bytes or {MOST_HEADERS} fields of headers"
    ),
}


class _Refused(Exception):
    """Raised inside the parser, to end it."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 414 or 431 to a head that is too large, 408 to one that does not end, and closes.

    Cuts off who takes nothing of an answer for `READ_SECONDS`.
    """

    _status = HTTPStatus.BAD_REQUEST
    _unread_bytes = 0
    _fields_bytes = 0
    _patience: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        self._watch_no_longer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits than should: see whether the client takes any of it."""
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        """The client has taken nearly all of it."""
        super().resume_writing()
        self._watch_no_longer()

    def on_response_complete(self) -> None:
        """An answer is over; where it was the last one, the client has to take it."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more was asked for: close, once the client has what it asked for."""
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def data_received(self, data: bytes) -> None:
        """Refuse what has gone past the bound though no part of it is whole yet."""
        if self._unread_bytes > LARGEST_HEAD_BYTES:
            self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        self._unread_bytes += len(data)
        if self._patience is None and not self._is_answering():
            self._wait_for_head()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins, the first of its connection or a later one."""
        super().on_message_begin()
        self._fields_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        super().on_url(url)
        if len(self.url) > LONGEST_TARGET_BYTES:
            self._stop_parser(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer of a body in pieces."""
        super().on_header(name, value)
        self._fields_bytes += len(name) + len(value)
        if self._fields_bytes > LARGEST_HEAD_BYTES or len(self.headers) > MOST_HEADERS:
            self._stop_parser(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is whole; how large the body may be is the application's to say."""
        self._was_read()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; what comes after the answer may not take longer than a head."""
        if self._is_answering():
            self._was_read()
        else:
            self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; where it was answered before that, the next head is awaited."""
        self._was_read()
        if not self._is_answering():
            self._wait_for_head()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over: no further head will come."""
        self._wait_no_longer()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer with what stopped the parser, and close."""
        del msg
        self._answer(self._status)

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, though it is not declared so
        return cycle is not None and not cycle.response_complete

    def _was_read(self) -> None:
        self._unread_bytes = 0
        self._wait_no_longer()

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._run_out)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _run_out(self) -> None:
        if self._unread_bytes:
            self._answer(HTTPStatus.REQUEST_TIMEOUT)
        else:  # nobody asked for anything
            self.transport.close()
            self._watch_reader()

    def _watch_reader(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._reading is None:
            self._reading = self.loop.call_later(READ_SECONDS, self._cut_off_unless_read, unsent)

    def _cut_off_unless_read(self, unsent_before: int) -> None:
        self._reading = None
        if self.transport.get_write_buffer_size() >= unsent_before:
            self.transport.abort()
        else:
            self._watch_reader()

    def _watch_no_longer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_parser(self, status: HTTPStatus) -> None:
        self._status = status
        raise _Refused

    def _answer(self, status: HTTPStatus) -> None:
        """As the application would; amid another answer of it nothing can be said."""
        self._wait_no_longer()
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.write(_response(status))
        self.transport.close()
        self._watch_reader()


def _response(status: HTTPStatus) -> bytes:
    slug = status.phrase.lower().replace(" ", "-")
    problem = {
        "type": f"/problems/{slug}",
        "title": status.phrase,
        "status": status.value,
        "detail": DETAILS[status],
    }
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
