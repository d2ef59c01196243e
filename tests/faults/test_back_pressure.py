"""A slow MongoDB slows a run down and fills nothing: jobs, memory and answers stay bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest

from tests.counted import COUNTED
from tests.e2e.stack import Stack, running_stack, until
from tests.faults.mongod import Mongod
from tests.faults.server_errors import ALL, ServerError, failing, slowed

QUANTITY = 60_000
WORKERS, SLOTS = 2, 25
GENERATORS, CHUNKS = 1, 2
# what a read may take until it is answered 503, and what the machine adds
ANSWER_SECONDS = 3.0 + 2.0
GROWN_MIB = 40.0
ROLES = ("orchestrator", "generator", "worker")


@dataclass
class Reader:
    """Asks for the status again and again, from a thread of its own."""

    api: str
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: list[object] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _read(self) -> None:
        with httpx.Client(base_url=self.api, timeout=30.0, trust_env=False) as client:
            while not self._stop.wait(0.1):
                self._ask(client, "/pedidos")
                self._ask(client, "/pedidos/queue/status")

    def _ask(self, client: httpx.Client, path: str) -> None:
        began = time.monotonic()
        answer = client.get(path)
        if path == "/pedidos":
            self.seconds.append(time.monotonic() - began)
        self.refused += answer.status_code == 503
        if answer.status_code not in {200, 503}:
            self.wrong.append((path, answer.status_code, answer.text[:300]))


@dataclass
class Seen:
    """The most of each that was seen while MongoDB was slow."""

    running: int = 0
    chunks: int = 0
    mib: float = 0.0

    def look(self, stack: Stack) -> None:
        jobs = stack.database.jobs
        running = list(jobs.find({"status": "running"}, {"queue": 1}))
        self.chunks = max(self.chunks, sum(job["queue"] == "generation" for job in running))
        self.running = max(self.running, sum(job["queue"] == "orders" for job in running))
        self.mib = max(self.mib, largest_mib(stack))


def largest_mib(stack: Stack) -> float:
    """Memory of the largest process of ours."""
    pids = [one["pid"] for role in ROLES for one in stack.processes(role)]
    return max(float(psutil.Process(pid).memory_info().rss) for pid in pids) / 2**20


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Stack, Mongod]]:
    """A stack with the built-in handler on a mongod that can be slowed."""
    environ = {"ORDERS_QUEUE_CONCURRENCY": str(SLOTS), "GENERATION_CONCURRENCY": str(CHUNKS)}
    with Mongod(tmp_path / "mongod", fallible=True) as node:
        options = ("--mongo-uri", f"mongodb://{node.address}")
        with running_stack(tmp_path / "stack", environ, GENERATORS, WORKERS, options) as stack:
            yield stack, node


def slowed_run(stack: Stack, node: Mongod, milliseconds: int, seconds: float) -> str:
    """One run on a MongoDB that is slow for so long; the figures."""
    run_id = stack.start(QUANTITY, seed=51)
    until(lambda: stack.processed() > 0)
    before, seen, done = largest_mib(stack), Seen(), stack.processed()
    error = ServerError("slow", ALL, slowed(milliseconds))
    with failing(node, error), Reader(str(stack.http.base_url)) as reader:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            seen.look(stack)
        progress = until(lambda: (stack.processed(),))[0] - done
    stack.await_phase("DONE", seconds=90)
    stack.assert_audited(run_id)
    assert reader.wrong == []
    assert max(reader.seconds) <= ANSWER_SECONDS, sorted(reader.seconds)[-5:]
    assert seen.running <= WORKERS * SLOTS
    assert seen.chunks <= GENERATORS * CHUNKS
    assert seen.mib - before <= GROWN_MIB, (before, seen)
    assert progress > 0, "it stood still"
    return (
        f"every command {milliseconds} ms slower for {seconds:g} s: {progress} orders went on; "
        f"at most {seen.running} of {WORKERS * SLOTS} slots and {seen.chunks} chunks at work; "
        f"largest process {before:.0f} MiB before, {seen.mib:.0f} MiB at most; "
        f"{len(reader.seconds)} reads of the status, slowest {max(reader.seconds):.2f} s, "
        f"{reader.refused} answers 503"
    )


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("milliseconds", [200, 500])
def test_a_slow_mongodb_fills_nothing(
    slow: tuple[Stack, Mongod],
    milliseconds: int,
    record_property: Callable[[str, object], None],
) -> None:
    record_property(COUNTED, slowed_run(*slow, milliseconds, seconds=20.0))
