"""Asks a loopback service whether it is ready, without the weight of an HTTP client."""

from __future__ import annotations

import asyncio
import contextlib

from pedidos_cli.free_ports import LOOPBACK


async def http_status(port: int, path: str, timeout_seconds: float) -> int | None:
    """The status of `GET path` on that loopback port; None when nothing sensible answers."""
    with contextlib.suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(
                    f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n"
                    "Connection: close\r\n\r\n".encode()
                )
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    return None
