"""What processes and servers used, read from the operating system and from the servers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import psutil
import redis
from pymongo import MongoClient

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """Peak resident memory and processor time of one process."""

    name: str
    peak_mib: float | None
    cpu_seconds: float

    def since(self, before: float) -> ProcessUse:
        """The same, less the processor seconds that were used before."""
        return replace(self, cpu_seconds=round(self.cpu_seconds - before, 2))


def process_use(name: str, pid: int) -> ProcessUse:
    """Use of a running process; the peak is known on Linux only.

    Raises:
        psutil.NoSuchProcess: when it is gone.
    """
    times = psutil.Process(pid).cpu_times()
    return ProcessUse(name, _peak_mib(pid), round(times.user + times.system, 2))


def own_use(name: str) -> ProcessUse:
    """Use of this process."""
    return process_use(name, os.getpid())


def _peak_mib(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return round(int(line.split()[1]) / 1024, 1) if line else None


def redis_peak_mib(url: str) -> float:
    """The most memory that Redis has used since it started."""
    with closing(redis.Redis.from_url(url, socket_timeout=5)) as client:
        info = cast("Mapping[str, Any]", client.info("memory"))
    return round(int(info["used_memory_peak"]) / MIB, 1)


def server_versions(mongo_uri: str, redis_url: str) -> dict[str, str]:
    """The servers' versions, by the names of their products."""
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        versions = {"mongod": str(client.server_info()["version"])}
    with closing(redis.Redis.from_url(redis_url, socket_timeout=5)) as cache:
        info = cast("Mapping[str, Any]", cache.info("server"))
    name = "valkey" if "valkey_version" in info else "redis"
    return {**versions, name: str(info[f"{name}_version"])}
