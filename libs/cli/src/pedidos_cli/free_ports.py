"""Loopback ports for the parts of a local stack."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Container
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 20_000
_CUSTOMARY_OF_MONGODB = 27_017
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: Container[int] = (), preferred: int = 0) -> int:
    """The preferred port if it is free, else one below those that outgoing connections take.

    A server that is restarted on an ephemeral port may find it in use by a client's outgoing
    connection, even by one that connected to itself while the server was away.
    """
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    candidates = _range()
    for _ in range(200):
        port = random.choice(candidates)
        if port not in taken and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_like_ours(port: int) -> bool:
    """Whether `free_port` would choose a port like that one, and no server has it by custom."""
    return port in _range() and port != _CUSTOMARY_OF_MONGODB


def _range() -> range:
    top = _first_ephemeral()
    return range(min(_LOWEST, top - 5_000), top)


def _first_ephemeral() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return max(10_000, int(_EPHEMERAL_RANGE.read_text().split()[0]))
    return 32_768
