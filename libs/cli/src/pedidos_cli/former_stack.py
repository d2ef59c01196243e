"""What a stack takes over from the one that had its folder before."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from pedidos_cli.free_ports import LOOPBACK, is_like_ours
from pedidos_cli.process_life import birth_of
from pedidos_cli.stack_file import StackDocument

# The kernel kills a stack's processes with their supervisor, but not in the same instant.
DYING_SECONDS = 5.0
POLL_SECONDS = 0.05


def former_ports(before: StackDocument | None) -> tuple[int, int]:
    """The ports that its MongoDB and its Redis had, 0 for what was no server of its own.

    Clients that have the addresses then find the servers again after a restart.
    """
    if before is None:
        return 0, 0
    return _own_port(before.mongo_uri), _own_port(before.redis_url)


def _own_port(address: str) -> int:
    try:
        parts = urlsplit(address)
        port = parts.port or 0
    except ValueError:
        return 0
    # One that was given may be of this machine too: its port is not ours to take.
    return port if parts.netloc == f"{LOOPBACK}:{port}" and is_like_ours(port) else 0


async def former_gone(before: StackDocument | None) -> None:
    """Returns when the processes of a supervisor that was killed are gone, or were asked long."""
    pids = [one.pid for one in before.processes if one.pid] if before else []
    polls = round(DYING_SECONDS / POLL_SECONDS)
    for _ in range(polls):
        if all(birth_of(pid) is None for pid in pids):
            return
        await asyncio.sleep(POLL_SECONDS)
