"""Slots by queue: what one queue takes is not missed by another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import (
    Band,
    Job,
    JobStatus,
    NewJob,
    Outcome,
    RetryPolicy,
    Succeeded,
)
from pedidos_common.domain.queues import DEFAULTS, QueuePolicy, QueueTable, Rate
from pedidos_common.execution import turns
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.slots import Slots, slots_of
from pedidos_common.execution.turns import Turns
from pedidos_common.ports import Turnstile
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_turnstile import InMemoryTurnstile

INVENTORY_RATE = Rate(2, 1.0)


class Bench:
    """An executor of two shared slots and two of the queue `inventory`; jobs wait for `go`."""

    def __init__(self, turnstile: Turnstile | None = None) -> None:
        self.ledger = InMemoryJobLedger(ManualClock())
        self.go = asyncio.Event()
        self.begun: list[str] = []
        functions = table([JobFunction("work", self._work)])
        gate = ScopeGate(self._is_open)
        self.executor = Executor(
            self.ledger,
            functions,
            HeldLeases(10.0),
            gate,
            "w",
            Slots(2, {"inventory": 2}),
            turns=Turns(turnstile, {"inventory": INVENTORY_RATE}),
        )

    async def _is_open(self, _scope: str) -> bool:
        return True

    async def _work(self, job: Job, _context: JobContext) -> Outcome:
        self.begun.append(job.id)
        await self.go.wait()
        return Succeeded()

    async def give(self, queue: str, *ids: str) -> None:
        await self.ledger.create([NewJob(id_, "work", queue, Band.NORMAL, {}) for id_ in ids])
        for id_ in ids:
            await self.executor.deliver(id_, queue)

    def is_(self, id_: str, status: JobStatus) -> Callable[[], Awaitable[bool]]:
        async def stands() -> bool:
            job = await self.ledger.get(id_)
            return job is not None and job.status is status

        return stands

    def free(self) -> tuple[int, int, int]:
        queues = ("orders", "notifications", "inventory")
        one, two, three = map(self.executor.free_slots, queues)
        return one, two, three


async def test_a_queue_with_slots_of_its_own_neither_takes_nor_lends_any() -> None:
    bench = Bench()
    assert bench.free() == (2, 2, 2)
    await bench.give("orders", "a", "b")
    assert bench.free() == (0, 0, 2)
    await bench.give("inventory", "c", "d")
    assert (bench.free(), bench.executor.busy) == ((0, 0, 0), 4)
    bench.go.set()
    await eventually(lambda: bench.free() == (2, 2, 2))


async def test_a_ring_of_a_job_that_is_gone_gives_its_slot_back() -> None:
    bench = Bench()
    await bench.executor.deliver("never created", "inventory")
    assert bench.free() == (2, 2, 2)


def test_shared_slots_are_there_only_for_queues_that_need_them() -> None:
    own = QueueTable().own_slots_of(["inventory", "orders", "of another release"])
    assert own == {"inventory": 5}
    assert slots_of(["inventory", "orders"], 25, own).total == 30
    assert slots_of(["inventory"], 25, own).total == 5


async def test_past_its_rate_a_queue_waits_and_others_do_not() -> None:
    turnstile = InMemoryTurnstile(time.monotonic)
    bench = Bench(turnstile)
    bench.go.set()
    began = time.monotonic()
    for id_ in ("a", "b", "c"):
        await bench.give("inventory", id_)
    await eventually(lambda: bench.executor.free_slots("inventory") == 0)
    assert bench.executor.free_slots("orders") == 2
    await bench.give("orders", "d")
    await eventually(bench.is_("d", JobStatus.SUCCEEDED))
    assert "c" not in bench.begun
    await eventually(bench.is_("c", JobStatus.SUCCEEDED))
    assert time.monotonic() - began >= INVENTORY_RATE.seconds


async def test_what_would_wait_for_long_is_handed_back_without_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT_SECONDS", 0.0)
    bench = Bench(InMemoryTurnstile(lambda: 0.0))  # its clock stands
    bench.go.set()
    await bench.give("inventory", "a", "b", "c")
    await eventually(bench.is_("c", JobStatus.RETRYING))
    job = await bench.ledger.get("c")
    assert job is not None
    assert (job.attempts, job.error) == (0, "inventory is at its rate of 2/1s: it waits for room")


async def test_nothing_begins_while_nobody_can_tell_the_rate() -> None:
    class Away:
        async def enter(self, queue: str, rate: Rate) -> float:
            raise Unavailable(f"no count of {queue} ({rate})")

    bench = Bench(Away())
    bench.go.set()
    await bench.give("inventory", "a")
    await eventually(bench.is_("a", JobStatus.RETRYING))
    job = await bench.ledger.get("a")
    assert (bench.begun, job and job.attempts) == ([], 0)


def test_a_function_without_a_retry_policy_has_that_of_its_queue() -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        return Succeeded()

    mine, own = RetryPolicy(max_attempts=9), RetryPolicy(max_attempts=1)
    queues = QueueTable({**DEFAULTS, "inventory": QueuePolicy("inventory", retry=mine)})
    functions = table(
        [
            JobFunction("reserve", work, queue="inventory"),
            JobFunction("release", work, queue="inventory", retry=own),
            JobFunction("elsewhere", work),
        ],
        queues,
    )
    retries = {name: function.retry for name, function in functions.items()}
    assert retries == {"reserve": mine, "release": own, "elsewhere": RetryPolicy()}
