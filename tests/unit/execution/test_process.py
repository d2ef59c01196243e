"""A process that executes jobs: it takes rings while the queue is open, and leaves in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob, Outcome, Succeeded
from pedidos_common.domain.queues import DEFAULTS, QueuePolicy, QueueTable, Rate
from pedidos_common.execution import life_signs, process
from pedidos_common.execution.job_watch import UnwatchedJobs
from pedidos_common.execution.life_signs import LifeSigns
from pedidos_common.execution.process import (
    Duties,
    QueueWatch,
    Surroundings,
    execute_jobs,
)
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.slots import Slots
from pedidos_common.ports import ENGINE_TOPIC, QueueStates
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_controls import (
    InMemoryLeaseKeeper,
    InMemoryProcesses,
    InMemoryQueueState,
)
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_common.testing.in_memory_turnstile import InMemoryTurnstile


class Counting(UnwatchedJobs):
    """Notes which jobs ended how, and who tells of busy slots."""

    def __init__(self) -> None:
        self.ended_jobs: list[tuple[str, str]] = []
        self.taken = 0

    def works(self, slots: Slots) -> None:
        self.slots = slots

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        assert seconds >= 0
        self.ended_jobs.append((job.id, type(outcome).__name__))

    def taken_back(self, count: int) -> None:
        self.taken += count


class Bench:
    """One process over in-memory ports, with one job function that waits for `go`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger = InMemoryJobLedger(self.clock)
        self.processes = InMemoryProcesses(self.clock)
        self.transport = InMemoryTransport()
        self.events = InMemoryEvents()
        self.queue_state = InMemoryQueueState()
        self.go, self.stop = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.counting = Counting()
        self.counted = self.counting.ended_jobs
        self.now = 0.0
        self.signs = LifeSigns(lambda: self.now)
        self.table = QueueTable()

    async def _work(self, _job: Job, _context: JobContext) -> Outcome:
        await self.go.wait()
        return Succeeded()

    async def _is_open(self, _scope: str) -> bool:
        return True

    @asynccontextmanager
    async def running(
        self, drain_seconds: float = 5.0, queues: Sequence[str] = ("orders",)
    ) -> AsyncIterator[asyncio.Task[None]]:
        keeper = InMemoryLeaseKeeper(self.ledger, self.processes, self.clock)
        duties = Duties(
            *("w", "worker", "host", 1, queues, 2), drain_seconds=drain_seconds, table=self.table
        )
        around = Surroundings(
            self.ledger,
            keeper,
            self.transport,
            self.events,
            self.queue_state,
            self._is_open,
            turnstile=InMemoryTurnstile(time.monotonic),
        )

        functions = table([JobFunction("work", self._work)])
        task = asyncio.create_task(
            execute_jobs(duties, around, functions, self.stop, self.counting, self.signs)
        )
        try:
            yield task
        finally:
            self.go.set()
            self.stop.set()
            await asyncio.wait_for(task, 10.0)

    async def ring(self, *numbers: int, queue: str = "orders") -> None:
        jobs = [NewJob(f"j{number}", "work", queue, Band.NORMAL, {}) for number in numbers]
        await self.transport.ring(await self.ledger.create(jobs))

    def is_(self, number: int, status: JobStatus) -> Callable[[], Awaitable[bool]]:
        async def stands() -> bool:
            job = await self.ledger.get(f"j{number}")
            return job is not None and job.status is status

        return stands


async def test_queues_with_slots_of_their_own_go_on_beside_full_ones() -> None:
    bench = Bench()
    bench.go.clear()
    async with bench.running(queues=["orders", "order-processing", "inventory"]):
        await bench.ring(1, 2, 3)
        await eventually(bench.is_(2, JobStatus.RUNNING))
        await bench.ring(*range(11, 14), queue="order-processing")
        await bench.ring(21, queue="inventory")
        await eventually(bench.is_(12, JobStatus.RUNNING))
        await eventually(bench.is_(21, JobStatus.RUNNING))
        await asyncio.sleep(0.05)
        waiting = [await bench.transport.depth(one) for one in ("orders", "order-processing")]
        assert waiting == [1, 1]
        slots = bench.counting.slots
        assert (slots.total, slots.busy, slots.busy_of("order-processing")) == (9, 5, 2)
        bench.go.set()
        await eventually(bench.is_(3, JobStatus.SUCCEEDED))
        await eventually(bench.is_(13, JobStatus.SUCCEEDED))


async def test_a_queue_s_rate_is_kept() -> None:
    bench = Bench()
    slow = QueuePolicy("inventory", concurrency=5, rate=Rate(2, 0.4))
    bench.table = QueueTable({**DEFAULTS, "inventory": slow})
    async with bench.running(queues=["inventory"]):
        began = time.monotonic()
        await bench.ring(1, 2, 3, queue="inventory")
        await eventually(lambda: len(bench.counted) == 3)
        assert time.monotonic() - began >= 0.4


async def test_a_ring_is_executed_counted_and_told() -> None:
    bench = Bench()
    async with bench.running():
        await bench.ring(1)
        await eventually(bench.is_(1, JobStatus.SUCCEEDED))
        await eventually(lambda: bench.counted == [("j1", "Succeeded")])
        await eventually(lambda: (bench.counting.slots.total, bench.counting.slots.busy) == (2, 0))
        await eventually(lambda: ENGINE_TOPIC in bench.events.published)
        (seen,) = await bench.processes.live(60)
        assert (seen.report.name, list(seen.report.queues), seen.report.slots) == (
            "w",
            ["orders"],
            2,
        )
    assert await bench.processes.live(60) == []  # it took leave


async def test_each_part_notes_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_signs, "MONGODB_CALL_SECONDS", 0.0)
    bench = Bench()
    async with bench.running():
        await eventually(lambda: len(bench.signs.stuck(beyond=-1e9)) == 3)
        # nobody has turned since then, for longer than they may
        bench.now += life_signs.SILENT_SECONDS + 30.0
        assert set(bench.signs.stuck()) == {"heartbeat", "queue watch", "receive orders"}
        await eventually(lambda: not bench.signs.stuck(), timeout_seconds=15)


async def test_it_takes_no_more_than_it_has_slots() -> None:
    bench = Bench()
    bench.go.clear()
    async with bench.running():
        await bench.ring(1, 2, 3)
        await eventually(bench.is_(2, JobStatus.RUNNING))
        await asyncio.sleep(0.05)
        assert await bench.transport.depth("orders") == 1
        bench.go.set()
        await eventually(bench.is_(3, JobStatus.SUCCEEDED))


async def test_what_an_earlier_process_of_this_name_held_goes_to_others_at_once() -> None:
    bench = Bench()
    await bench.ledger.create([NewJob(f"j{n}", "work", "orders", Band.NORMAL, {}) for n in (1, 2)])
    lost = await bench.ledger.claim("j1", "w")
    others = await bench.ledger.claim("j2", "w2")
    assert lost is not None
    async with bench.running():
        await eventually(bench.is_(1, JobStatus.QUEUED))
        await eventually(lambda: bench.counting.taken == 1)
        assert await bench.ledger.get("j2") == others
        assert not await bench.ledger.settle(lost, Succeeded())


async def test_taking_back_waits_for_a_ledger_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RECEIVER_PAUSE_SECONDS", 0.01)
    bench = Bench()
    take_back, failures = bench.ledger.take_back, [Unavailable("away"), Unavailable("away")]

    async def failing(*args: Any) -> int:
        if failures:
            raise failures.pop()
        return await take_back(*args)

    bench.ledger.take_back = failing  # type: ignore[method-assign, assignment]
    await bench.ledger.create([NewJob("j1", "work", "orders", Band.NORMAL, {})])
    await bench.ledger.claim("j1", "w")
    async with bench.running():
        await eventually(bench.is_(1, JobStatus.QUEUED))


@pytest.mark.parametrize("state", ["paused", "closed"])
async def test_nothing_is_taken_while_the_queue_is_not_running(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STATE_POLL_SECONDS", 0.01)
    bench = Bench()
    await bench.queue_state.write(state)
    async with bench.running():
        await bench.ring(1)
        await asyncio.sleep(0.1)
        assert await bench.transport.depth("orders") == 1
        await bench.queue_state.write("running")
        await eventually(bench.is_(1, JobStatus.SUCCEEDED))


async def test_a_paused_queue_waits_while_others_and_draining_ones_are_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "STATE_POLL_SECONDS", 0.01)
    state = InMemoryQueueState()
    await state.write_queue("inventory", "paused")
    await state.write_queue("sms", "draining")
    watch = QueueWatch(state)
    watching = asyncio.create_task(watch.run())
    await eventually(lambda: watch.is_open("orders"))
    assert (watch.is_open("inventory"), watch.is_open("sms")) == (False, True)
    await state.write_queue("inventory", "running")
    await eventually(lambda: watch.is_open("inventory"))
    await state.write("paused")  # all of them
    await eventually(lambda: not watch.is_open("inventory"))
    watching.cancel()


@pytest.mark.parametrize(
    ("everything", "own", "worked", "taken_in"),
    [
        ("running", "running", True, True),
        ("running", "paused", False, True),
        ("running", "draining", True, False),
        ("paused", "running", False, True),
        ("closed", "running", False, False),
    ],
)
def test_what_a_queues_state_allows(
    everything: str, own: str, worked: bool, taken_in: bool
) -> None:
    states = QueueStates(everything, {"orders": own})
    assert (states.is_worked("orders"), states.takes_in("orders")) == (worked, taken_in)


async def test_a_stop_lets_running_jobs_end_and_takes_no_new_one() -> None:
    bench = Bench()
    bench.go.clear()
    async with bench.running() as task:
        await bench.ring(1)
        await eventually(bench.is_(1, JobStatus.RUNNING))
        bench.stop.set()
        await asyncio.sleep(0)
        await bench.ring(2)
        await asyncio.sleep(0.05)
        assert not task.done()
        bench.go.set()
    assert await bench.is_(1, JobStatus.SUCCEEDED)()
    assert await bench.is_(2, JobStatus.QUEUED)()


async def test_what_does_not_end_in_time_is_handed_back() -> None:
    bench = Bench()
    bench.go.clear()
    async with bench.running(drain_seconds=0.05) as task:
        await bench.ring(1)
        await eventually(bench.is_(1, JobStatus.RUNNING))
        bench.stop.set()
        await asyncio.wait_for(asyncio.shield(task), 10.0)
        assert await bench.is_(1, JobStatus.QUEUED)()


async def test_a_ring_that_was_taken_when_the_stop_came_is_not_left_to_its_lease() -> None:
    bench = Bench()
    claim, asked, answer = bench.ledger.claim, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Job | None:
        asked.set()
        await answer.wait()
        return await claim(*args, **kwargs)

    bench.ledger.claim = slow  # type: ignore[method-assign]
    async with bench.running():
        await bench.ring(1)
        await asked.wait()
        bench.stop.set()
        await asyncio.sleep(0.02)
        answer.set()
    assert await bench.is_(1, JobStatus.SUCCEEDED)()


async def test_a_receiver_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RECEIVER_PAUSE_SECONDS", 0.01)
    bench = Bench()
    receive, failures = bench.transport.receive, [ValueError("a bug"), ValueError("again")]

    async def failing(*args: object) -> None:
        if failures:
            raise failures.pop()
        await receive(*args)  # type: ignore[arg-type]

    bench.transport.receive = failing  # type: ignore[method-assign, assignment]
    with capture_logs() as lines:
        async with bench.running():
            await bench.ring(1)
            await eventually(bench.is_(1, JobStatus.SUCCEEDED))
    assert [line["event"] for line in lines].count("receiver_failed") == 2


async def test_the_last_known_queue_state_holds_while_it_can_not_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "STATE_POLL_SECONDS", 0.005)
    state = InMemoryQueueState()
    watch = QueueWatch(state)
    assert not watch.is_open("orders")  # not before it is known
    with capture_logs():
        running = asyncio.create_task(watch.run())
        await eventually(lambda: watch.is_open("orders"))
        reads: list[int] = []

        async def away() -> QueueStates:
            reads.append(1)
            raise Unavailable("away") if len(reads) % 2 else ValueError("a bug")

        read, state.read_all = state.read_all, away  # type: ignore[method-assign]
        await eventually(lambda: len(reads) > 3)
        assert watch.is_open("orders")
        state.read_all = read  # type: ignore[method-assign]
        await state.write("paused")
        await eventually(lambda: not watch.is_open("orders"))
        running.cancel()
