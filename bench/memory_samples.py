"""Memory of every process while a run goes on, looked at a few times a second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import psutil
import redis

from bench.measure import MIB
from bench.stack import ServerPair

SAMPLE_SECONDS = 0.25
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class MemorySample:
    """MiB at a moment: the largest process of each role, and what Redis says it uses."""

    at_seconds: float
    mib: Mapping[str, float]


class MemorySampler:
    """Samples from a thread of its own for as long as it is entered."""

    def __init__(self, roles: Mapping[int, str], servers: ServerPair) -> None:
        self._roles, self._servers = roles, servers
        self._samples: list[MemorySample] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory samples", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def taken(self) -> tuple[MemorySample, ...]:
        """What was seen until now, oldest first."""
        return tuple(self._samples)

    def _sample(self) -> None:
        start = time.perf_counter()
        with closing(redis.Redis.from_url(self._servers.redis_url, socket_timeout=5)) as client:
            while not self._over.wait(SAMPLE_SECONDS):
                sizes = self._sizes()
                # A moment without an answer is a gap in the plot, not the end of the bench.
                with contextlib.suppress(redis.RedisError):
                    info = cast("Mapping[str, Any]", client.info("memory"))
                    sizes["redis"] = round(int(info["used_memory"]) / MIB, 2)
                at = round(time.perf_counter() - start, 2)
                self._samples.append(MemorySample(at, sizes))

    def _sizes(self) -> dict[str, float]:
        largest: dict[str, float] = {}
        for pid, role in self._roles.items():
            if role == "redis":
                continue
            with contextlib.suppress(psutil.Error):
                size = psutil.Process(pid).memory_info().rss / MIB
                largest[role] = round(max(size, largest.get(role, 0.0)), 1)
        return largest


def thinned(samples: Sequence[MemorySample], most: int) -> list[MemorySample]:
    """At most so many of them, evenly, each with the largest value of those it stands for."""
    step = max(1, -(-len(samples) // most))
    groups = [samples[start : start + step] for start in range(0, len(samples), step)]
    return [_largest(group) for group in groups]


def _largest(group: Sequence[MemorySample]) -> MemorySample:
    roles = sorted({role for sample in group for role in sample.mib})
    seen = {role: [s.mib[role] for s in group if role in s.mib] for role in roles}
    return MemorySample(group[-1].at_seconds, {role: max(sizes) for role, sizes in seen.items()})
