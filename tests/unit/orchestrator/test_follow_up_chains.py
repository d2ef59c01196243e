"""Jobs that follow from jobs, whatever happens between an outcome and what follows from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, Failed, Job, JobStatus, NewJob, Outcome, Succeeded
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.clock import START, ManualClock
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.engine.reconcile import Patience, Reconciler

LEASE_SECONDS = 5.0
QUEUE, FIRST, LEAF = "work", "co:0", 4
STEPS = ["deliver", "die", "round", "lose rings", "wait"]
FAULTS = [None, *((name, done) for name in ("create", "settle", "note_followed") for done in "yn")]
Fault = tuple[str, str] | None


def after(job: Job) -> tuple[NewJob, ...]:
    """Two jobs, one of them a moment later, until the ids are long enough."""
    if len(job.id) >= len("co:") + LEAF:
        return ()
    first = NewJob(f"{job.id}0", "work", QUEUE, Band.HIGH, {"text": "$x"})
    return first, NewJob(f"{job.id}1", "work", QUEUE, Band.LOW, {}, delay_seconds=1.0)


async def work(job: Job, _context: JobContext) -> Outcome:
    if job.id.endswith("1"):
        return Failed("no", follow_ups=after(job))
    return Succeeded({}, after(job))


async def always(_scope: str) -> bool:
    return True


class Ledger(InMemoryJobLedger):
    """One call fails, after it was carried out or instead; outcomes that it took are counted."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, LEASE_SECONDS)
        self.fault: Fault = None
        self.settled: Counter[str] = Counter()

    async def create(self, jobs: Sequence[NewJob]) -> Any:
        return await self._met("create", super().create, jobs)

    async def note_followed(self, done: Any) -> None:
        await self._met("note_followed", super().note_followed, done)

    async def settle(self, job: Job, outcome: Outcome, **more: Any) -> bool:
        before = self._settled.get(job.id)
        try:
            done: bool = await self._met("settle", super().settle, job, outcome, **more)
            return done
        finally:
            self.settled[job.id] += self._settled.get(job.id) != before

    async def _met(self, name: str, call: Any, *args: Any, **more: Any) -> Any:
        if self.fault is None or self.fault[0] != name:
            return await call(*args, **more)
        carried_out, self.fault = self.fault[1] == "y", None
        if carried_out:
            await call(*args, **more)
        raise Unavailable(f"{name}: told that it failed")


@dataclass
class Leads:
    """The lead, had for ever."""

    epoch: int = 1
    answered_since: float = 0.0


class Chains:
    """A worker and a reconciler over one ledger."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger, self.transport = Ledger(self.clock), InMemoryTransport()
        leads: Any = Leads()
        self.reconciler = Reconciler(
            self.ledger,
            self.transport,
            always,
            leads,
            Patience(),
            lambda: (self.clock() - START).total_seconds() + 100.0,
        )
        self.executor = Executor(
            self.ledger,
            table([JobFunction("work", work)]),
            HeldLeases(LEASE_SECONDS),
            ScopeGate(always),
            worker="w",
            slots=1,
            follow=self.transport.ring,
        )

    async def step(self, what: str, fault: Fault) -> None:
        self.ledger.fault = fault
        try:
            await self._step(what)
        except Unavailable:  # of the reconciler's round; it comes again
            pass
        finally:
            self.ledger.fault = None

    async def _step(self, what: str) -> None:
        if what == "round":
            self.clock.advance(0.5)
            await self.reconciler.round()
        elif what == "lose rings":
            self.transport.forget_all()
        elif what == "wait":
            self.clock.advance(3.0)
        else:
            await self._take(dies=what == "die")

    async def _take(self, *, dies: bool) -> None:
        for bell in self.transport._take(QUEUE, 1):
            if dies:
                await self.ledger.claim(bell.job_id, "gone")
                return
            await self.executor.deliver(bell.job_id)
            for _ in range(200):
                if not self.executor.busy:
                    return
                await asyncio.sleep(0)
            raise AssertionError("the job does not end")

    async def calm(self) -> None:
        """Nothing goes wrong any more, until all is over."""
        for _ in range(400):
            await self.step("deliver", None)
            await self.step("round", None)
        await self.executor.drain(1.0)


async def live(steps: Sequence[tuple[str, Fault]]) -> Chains:
    chains = Chains()
    await chains.ledger.create([NewJob(FIRST, "work", QUEUE, Band.HIGH, {})])
    for what, fault in steps:
        await chains.step(what, fault)
    await chains.calm()
    return chains


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(FAULTS)), max_size=40))
def test_whatever_happens_each_job_follows_once(steps: list[tuple[str, Fault]]) -> None:
    with patch("pedidos_common.execution.asking.PAUSE_SECONDS", 0.0):
        chains = asyncio.run(live(steps))
    jobs = {job.id: job.status for job in chains.ledger._by_id()}
    assert set(jobs) == {"co:0" + f"{n:0{size}b}" for size in (1, 2, 3) for n in range(2**size)} | {
        FIRST
    }
    assert set(jobs.values()) == {JobStatus.SUCCEEDED, JobStatus.FAILED}
    assert set(chains.ledger.settled.values()) == {1}
    assert chains.ledger._left == {}
