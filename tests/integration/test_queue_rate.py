"""A queue's rate holds over all processes together, and costs no job an attempt."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest

from pedidos_common.adapters.redis.client import connect
from pedidos_common.adapters.redis.turnstile import RedisTurnstile
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob, Outcome, Succeeded
from pedidos_common.domain.queues import Rate
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.slots import Slots
from pedidos_common.execution.turns import Turns
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger

QUEUE = "payment-processing"
# a beginning counts from when it was asked for, and is seen here a call later
SEEN_SECONDS = 0.1


class Installation:
    """Three executors on one ledger and one Redis; notes when each job's work begins."""

    def __init__(self) -> None:
        self.ledger = InMemoryJobLedger(lambda: datetime.now(UTC), lease_seconds=600.0)
        self.begun: list[float] = []
        self.executors: list[Executor] = []

    async def _work(self, _job: Job, _context: JobContext) -> Outcome:
        self.begun.append(time.monotonic())
        return Succeeded()

    async def _is_open(self, _scope: str) -> bool:
        return True

    def add(self, turnstile: RedisTurnstile, rate: Rate) -> None:
        self.executors.append(
            Executor(
                self.ledger,
                table([JobFunction("process-payment", self._work)]),
                HeldLeases(600.0),
                ScopeGate(self._is_open),
                f"w{len(self.executors)}",
                Slots(0, {QUEUE: 3}),
                turns=Turns(turnstile, {QUEUE: rate}),
            )
        )

    async def work_off(self, count: int) -> Sequence[Job]:
        """As receivers and reconciler do: whoever has room gets the next, what is due again."""
        jobs = [NewJob(f"j{n:05}", "process-payment", QUEUE, Band.HIGH, {}) for n in range(count)]
        rings = deque(bell.job_id for bell in await self.ledger.create(jobs))
        while len(self.begun) < count or any(one.busy for one in self.executors):
            rings.extend(bell.job_id for bell in await self.ledger.release_due(100))
            for executor in self.executors:
                while rings and executor.free_slots(QUEUE) > 0:
                    await executor.deliver(rings.popleft(), QUEUE)
            await asyncio.sleep(0.005)
        return [job for job in [await self.ledger.get(one.id) for one in jobs] if job is not None]


@asynccontextmanager
async def installation(url: str, prefix: str, rate: Rate) -> AsyncIterator[Installation]:
    made = Installation()
    async with AsyncExitStack() as stack:
        for _ in range(3):
            client = connect(url)
            stack.push_async_callback(client.aclose)
            made.add(RedisTurnstile(client, prefix), rate)
        yield made


def most_in_a_window(begun: Sequence[float], seconds: float) -> int:
    """The most beginnings of any window of that length."""
    times = sorted(begun)
    return max(bisect_left(times, first + seconds) - i for i, first in enumerate(times))


@pytest.mark.parametrize(
    ("rate", "jobs"),
    [
        (Rate(20, 1.0), 50),
        pytest.param(Rate(1_000, 60.0), 1_500, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
    ],
    ids=str,
)
async def test_never_more_begin_in_any_window(
    rate: Rate, jobs: int, redis_url: str, redis_prefix: str
) -> None:
    async with installation(redis_url, redis_prefix, rate) as made:
        async with asyncio.timeout(rate.seconds * jobs / rate.jobs + 30.0):
            settled = await made.work_off(jobs)
    assert most_in_a_window(made.begun, rate.seconds - SEEN_SECONDS) == rate.jobs
    assert {(job.status, job.attempts) for job in settled} == {(JobStatus.SUCCEEDED, 0)}
    assert len(made.begun) == jobs
