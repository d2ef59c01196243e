"""Command lines of small, loopback-only servers, and when they are ready."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pedidos_cli.embedded.candidates import Binary
from pedidos_cli.stores import mongo, redis

MEMORY_SHARE = 0.25
LEAST_CACHE_GB = 1.0
# an order is updated soon after its insert: pages that are written out in between are written twice
DIRTY_SHARES = "eviction_dirty_target=50,eviction_dirty_trigger=75"
OPLOG_MB = 1024
# on one machine the API and its clients go before MongoDB, which most of the time works for others
BEHIND_THE_API = 5
REDIS_MAX_MEMORY = "256mb"


def cache_gb() -> float:
    """How much of this machine's memory MongoDB may keep orders in, if there are so many.

    A run that does not fit is read from disk again before its NORMAL orders are updated; a million
    orders take about 0.3 GB.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(LEAST_CACHE_GB, MEMORY_SHARE * total / (1 << 30))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started: what to run, where it will answer, and whether it does.

    `nice` is by how much it lets others have the processors first (0 to 19).
    """

    command: tuple[str, ...]
    address: str
    answers: Callable[[], Awaitable[bool]]
    binary: Binary
    nice: int = 0


def mongod(binary: Binary, data_dir: Path, port: int, *, replica_set: bool = False) -> Server:
    """A mongod that keeps its data in `data_dir`; as a replica set of one if asked."""
    command = [
        *(str(binary.path), "--dbpath", str(data_dir), "--bind_ip", "127.0.0.1"),
        *("--port", str(port), "--nounixsocket", "--quiet", "--slowms", "2000"),
        *("--wiredTigerCacheSizeGB", f"{cache_gb():.2f}"),
        *("--wiredTigerEngineConfigString", DIRTY_SHARES),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    uri = f"mongodb://127.0.0.1:{port}"
    answers = partial(asyncio.to_thread, mongo.answers, uri)
    if replica_set:
        uri += f"/?replicaSet={mongo.REPLICA_SET}"
        answers = partial(asyncio.to_thread, mongo.replica_set_ready, port)
        command += ["--replSet", mongo.REPLICA_SET, "--oplogSize", str(OPLOG_MB)]
        # Nobody to hand over to: do not wait for a successor when told to stop.
        command += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"]
    return Server(tuple(command), uri, answers, binary, BEHIND_THE_API)


def redis_server(binary: Binary, data_dir: Path, port: int) -> Server:
    """A Redis that keeps nothing on disk and never evicts."""
    command = (
        *(str(binary.path), "--bind", "127.0.0.1", "--port", str(port)),
        *("--protected-mode", "yes", "--dir", str(data_dir), "--daemonize", "no"),
        *("--save", "", "--appendonly", "no"),
        *("--maxmemory", REDIS_MAX_MEMORY, "--maxmemory-policy", "noeviction"),
    )
    url = f"redis://127.0.0.1:{port}/0"
    return Server(command, url, lambda: asyncio.to_thread(redis.answers, url), binary)
