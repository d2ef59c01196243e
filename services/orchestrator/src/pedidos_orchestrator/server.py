"""uvicorn's server, but answers are not held back, and live streams end when shutdown begins.

uvicorn waits for open responses before it tells the application to shut down, and a stream
of the status would keep it waiting for ever.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from pedidos_orchestrator.bounded_http import BoundedHttp

SHUTDOWN_SECONDS = 15
NO_HANDSHAKE = "ASGI callable returned without completing handshake."


def is_no_refusal(record: logging.LogRecord) -> bool:
    """Whether a line says more than that a WebSocket was refused.

    uvicorn takes each handshake that was answered with a status (401, 403, 503) for one that was
    not answered, and would write an error for every client that may not watch.
    """
    return record.getMessage() != NO_HANDSHAKE


def config_of(app: ASGIApp) -> uvicorn.Config:
    """How the application is served: bounded heads, no log of each request, no word of uvicorn."""
    return uvicorn.Config(
        app,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=30,
        ws_ping_interval=20,
    )


class LiveServer(uvicorn.Server):
    """Sends small answers at once, and calls `end_streams` before it waits for connections."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process, which sets `should_exit`; uvicorn would raise them anew."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, on sockets that send each piece at once.

        A response is written in two pieces, and the second would wait 40 ms for the client's
        delayed acknowledgement of the first. asyncio prevents that by itself only where the
        listening socket was made with its protocol named; accepted sockets inherit the option.
        """
        for listening in sockets or []:
            if listening.family in {socket.AF_INET, socket.AF_INET6}:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        logging.getLogger("uvicorn.error").addFilter(is_no_refusal)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then shut down as uvicorn does."""
        self._end_streams()
        await super().shutdown(sockets)
