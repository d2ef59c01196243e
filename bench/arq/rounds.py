"""One round of the plain arq worker: processes, orders, and what it took."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from pymongo import MongoClient

from bench.arq.generate import orders_processed
from bench.arq.worker import DATABASE
from bench.running.database import dropped
from bench.running.measure import own_use, process_use
from bench.running.stack import ServerPair

PROCESSES = 2
START_SECONDS = 30.0
STOP_SECONDS = 30.0
RUN_SECONDS = 900.0
# Beside the pipeline's, so that emptying one leaves the other.
REDIS_DATABASE = 1


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a user can turn; `concern` is `default` or `durable`."""

    max_jobs: int
    poll_delay_seconds: float
    concern: str = "default"

    def environment(self) -> Mapping[str, str]:
        """As the worker reads it."""
        return {
            "MAX_JOBS": str(self.max_jobs),
            "POLL_DELAY": str(self.poll_delay_seconds),
            "WRITE_CONCERN": self.concern,
        }


@dataclass(frozen=True, slots=True)
class ArqFigures:
    """From the first insert to the last update; CPU seconds of all processes but mongod's apart."""

    quantity: int
    seconds: float
    client_cpu_seconds: float
    mongod_cpu_seconds: float

    @property
    def orders_per_second(self) -> float:
        """Generation, enqueueing and processing together."""
        return self.quantity / self.seconds


def arq_round(servers: ServerPair, log: Path, tuning: Tuning, quantity: int) -> ArqFigures:
    """Take so many orders through two workers that wait for them already.

    Raises:
        TimeoutError: when the orders are not done after `RUN_SECONDS`.
        RuntimeError: when a worker ended, or left orders behind.
    """
    redis_url = servers.redis_url.removesuffix("/0") + f"/{REDIS_DATABASE}"
    _clean(servers, redis_url)
    with _workers(servers, redis_url, log, tuning) as pids:
        before = _cpu_seconds(servers, pids)
        start = time.perf_counter()
        work = orders_processed(servers.mongo_uri, redis_url, quantity, tuning.concern, RUN_SECONDS)
        asyncio.run(work)
        seconds = time.perf_counter() - start
        client, mongod = _cpu_seconds(servers, pids)
    return ArqFigures(
        quantity, round(seconds, 3), round(client - before[0], 2), round(mongod - before[1], 2)
    )


def _clean(servers: ServerPair, redis_url: str) -> None:
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        dropped(client, DATABASE)
    with closing(redis.Redis.from_url(redis_url, socket_timeout=5)) as cache:
        cache.flushdb()


@contextlib.contextmanager
def _workers(servers: ServerPair, redis_url: str, log: Path, tuning: Tuning) -> Iterator[list[int]]:
    """Their process ids, once each of them is connected."""
    environ = {**os.environ, "MONGO_URI": servers.mongo_uri, "REDIS_URL": redis_url}
    command = [sys.executable, "-m", "bench.arq.worker"]
    root = Path(__file__).parents[2]
    with contextlib.ExitStack() as stack, log.open("wb") as output:
        started = []
        for _ in range(PROCESSES):
            process = subprocess.Popen(
                command,
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environ, **tuning.environment()},
            )
            stack.callback(_stop, process)
            started.append(process)
        _await_connected(redis_url, started, log)
        yield [process.pid for process in started]


def _await_connected(redis_url: str, started: list[subprocess.Popen[bytes]], log: Path) -> None:
    """A worker that polls its queue is seen among the clients of Redis."""
    deadline = time.monotonic() + START_SECONDS
    with closing(redis.Redis.from_url(redis_url, socket_timeout=5)) as cache:
        while time.monotonic() < deadline and all(one.poll() is None for one in started):
            clients: Any = cache.client_list()
            polling = [one for one in clients if one["cmd"].lower() == "zrangebyscore"]
            if len(polling) >= PROCESSES:
                return
            time.sleep(0.05)
    said = log.read_text("utf-8", "replace")[-2000:]
    raise RuntimeError(f"the arq workers do not poll after {START_SECONDS:.0f} s: {said}")


def _cpu_seconds(servers: ServerPair, workers: list[int]) -> tuple[float, float]:
    """Of generator, workers and Redis together, and of mongod."""
    uses = [process_use("", pid) for pid in (*workers, servers.redis_pid)]
    client = sum(use.cpu_seconds for use in (*uses, own_use("")))
    return client, process_use("mongod", servers.mongod_pid).cpu_seconds


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
