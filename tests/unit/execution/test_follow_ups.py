"""What follows from a settled job: made, told of and noted, or left to the reconciler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Failed, Job, JobStatus, NewJob, Outcome, Succeeded
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.ports import Bell
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger

NEXT = (
    NewJob("c:stock", "work", "inventory", Band.HIGH, {}, ahead_seconds=10.0),
    NewJob("c:recovery", "work", "mail", Band.LOW, {}, delay_seconds=60.0),
)


class Told:
    """A ledger that notes what it is asked for.

    `fails` says which calls it does not answer, and `applies` whether it carries them out.
    """

    def __init__(self, ledger: InMemoryJobLedger) -> None:
        self._ledger = ledger
        self.asked: list[str] = []
        self.fails: Callable[[str], Exception | None] = lambda _name: None
        self.applies = False

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.asked.append(name)
            failure = self.fails(name)
            if failure is None or self.applies:
                result = await getattr(self._ledger, name)(*args, **kwargs)
            if failure is not None:
                raise failure
            return result

        return call


class Bench:
    """An executor of jobs that end with `outcome`, and whoever is told of what follows."""

    def __init__(self, outcome: Outcome) -> None:
        async def work(_job: Job, _context: JobContext) -> Outcome:
            return outcome

        async def is_open(_scope: str) -> bool:
            return True

        self.clock = ManualClock()
        self.kept = InMemoryJobLedger(self.clock)
        self.ledger: Any = Told(self.kept)
        self.bells: list[Bell] = []
        self.down: Exception | None = None
        self.executor = Executor(
            self.ledger,
            table([JobFunction("work", work)]),
            HeldLeases(10.0),
            ScopeGate(is_open),
            worker="w",
            slots=10,
            follow=self._follow,
        )

    async def _follow(self, bells: Sequence[Bell]) -> None:
        if self.down is not None:
            raise self.down
        self.bells += bells

    async def run(self, *job_ids: str) -> None:
        await self.kept.create([NewJob(name, "work", "q", Band.HIGH, {}) for name in job_ids])
        await asyncio.gather(*(self.executor.deliver(name) for name in job_ids))
        await eventually(lambda: self.executor.busy == 0)

    async def left(self) -> list[str]:
        self.clock.advance(5.0)
        return [one.job_id for one in await self.kept.left_follow_ups(1.0, 10)]

    async def status(self, job_id: str) -> JobStatus | None:
        job = await self.kept.get(job_id)
        return job.status if job else None


@pytest.mark.parametrize("outcome", [Succeeded({}, NEXT), Failed("no", follow_ups=NEXT)])
async def test_what_follows_is_created_told_of_and_noted(outcome: Outcome) -> None:
    bench = Bench(outcome)
    await bench.run("c:payment")
    assert [(bell.job_id, bell.ahead_seconds) for bell in bench.bells] == [("c:stock", 10.0)]
    assert await bench.status("c:recovery") is JobStatus.RETRYING
    await eventually(lambda: "note_followed" in bench.ledger.asked)
    assert await bench.left() == []


async def test_a_job_that_nothing_follows_from_costs_a_claim_and_a_settle() -> None:
    bench = Bench(Succeeded({"processed": 2}))
    await bench.run("c:payment")
    await bench.executor.drain(1.0)
    assert bench.ledger.asked == ["claim", "settle"]


async def test_they_are_created_after_the_settle_and_never_without_it() -> None:
    bench = Bench(Succeeded({}, NEXT))
    await bench.run("c:payment")
    assert bench.ledger.asked[:3] == ["claim", "settle", "create"]
    bench = Bench(Succeeded({}, NEXT))
    settle = bench.kept.settle

    async def stale(job: Job, outcome: Outcome, **_more: Any) -> bool:
        return isinstance(outcome, Succeeded) is False and await settle(job, outcome)

    bench.kept.settle = stale  # type: ignore[method-assign]
    await bench.run("c:payment")
    assert "create" not in bench.ledger.asked


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("failure", [Unavailable("away"), ValueError("a bug")])
async def test_what_cannot_be_created_is_left_to_the_reconciler(
    failure: Exception, applied: bool
) -> None:
    bench = Bench(Succeeded({}, NEXT))
    bench.ledger.fails = lambda name: failure if name == "create" else None
    bench.ledger.applies = applied
    await bench.run("c:payment")
    assert await bench.status("c:payment") is JobStatus.SUCCEEDED
    assert bench.bells == []
    assert await bench.left() == ["c:payment"]


@pytest.mark.parametrize("failure", [Unavailable("away"), ValueError("a bug")])
async def test_a_broker_that_is_away_holds_nothing_up(failure: Exception) -> None:
    """The jobs are in the ledger; who looks for silent ones rings them."""
    bench = Bench(Succeeded({}, NEXT))
    bench.down = failure
    await bench.run("c:payment")
    await bench.executor.drain(1.0)
    assert await bench.left() == []
    bench.clock.advance(5.0)
    assert [bell.job_id for bell in await bench.kept.silent(1.0, 10)] == ["c:stock"]


async def test_a_settle_whose_reply_was_lost_is_followed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pedidos_common.execution.asking.PAUSE_SECONDS", 0.001)
    bench = Bench(Succeeded({}, NEXT))
    fates = {"settle": [Unavailable("the reply was lost")]}
    bench.ledger.fails = lambda name: fates[name].pop() if fates.get(name) else None
    bench.ledger.applies = True
    await bench.run("c:payment")
    assert bench.ledger.asked.count("settle") == 2
    assert [bell.job_id for bell in bench.bells] == ["c:stock"]


async def test_those_of_many_jobs_are_noted_in_one_write() -> None:
    bench = Bench(Succeeded({}, NEXT))
    await bench.run(*(f"c{number}:payment" for number in range(8)))
    await eventually(lambda: "note_followed" in bench.ledger.asked)
    assert bench.ledger.asked.count("note_followed") == 1
    assert await bench.left() == []


async def test_a_drain_notes_what_is_there() -> None:
    bench = Bench(Succeeded({}, NEXT))
    await bench.run("c:payment")
    await bench.executor.drain(1.0)
    assert bench.ledger.asked[-1] == "note_followed"
    assert await bench.left() == []


async def test_a_note_that_fails_is_left_to_the_reconciler() -> None:
    bench = Bench(Succeeded({}, NEXT))
    bench.ledger.fails = lambda name: Unavailable("away") if name == "note_followed" else None
    await bench.run("c:payment")
    await bench.executor.drain(1.0)
    assert await bench.left() == ["c:payment"]
