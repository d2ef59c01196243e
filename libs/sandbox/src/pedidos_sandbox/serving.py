"""Serves HTTP: uvicorn, whose connections can be dropped on demand."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pedidos_sandbox.calls import DROP

MOST_CONNECTIONS = 2_000
SHUTDOWN_SECONDS = 2


class DroppableHttp(HttpToolsProtocol):
    """A connection that a request can end without an answer."""

    def on_message_begin(self) -> None:
        """A request begins: it gets the way to end its connection."""
        super().on_message_begin()
        self.scope["extensions"] = {DROP: {"abort": self.transport.abort}}


class Server(uvicorn.Server):
    """Sends small answers at once, and leaves signals to the process."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=DroppableHttp,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                timeout_keep_alive=60,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no notice of signals; uvicorn would raise them anew."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, on sockets that send each piece of an answer at once."""
        for listening in sockets or []:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await super().startup(sockets)
