"""Heartbeats and live processes: every adapter keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from pedidos_common.adapters.mongo.client import connect_blocking
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.adapters.mongo.leases import MongoLeaseKeeper, MongoProcesses
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob, Released, Succeeded
from pedidos_common.ports import (
    BeatReply,
    JobLedger,
    LeaseKeeper,
    Processes,
    ProcessReport,
)
from pedidos_common.testing.in_memory_controls import (
    InMemoryLeaseKeeper,
    InMemoryProcesses,
)
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from tests.contract.lab import KINDS, Lab, lab_of

# long enough that no test outlives it by chance
LEASE_SECONDS = 60.0
SHORT_LEASE_SECONDS = 1.0
REPORT = ProcessReport("w-1", "worker", "host", 7, ("orders",), slots=25, busy=3)


@dataclass
class Heart:
    """A keeper and the ledger whose leases it extends."""

    lab: Lab
    ledger: JobLedger
    keeper: LeaseKeeper
    processes: Processes

    async def beat(self, leases: Mapping[str, str], report: ProcessReport = REPORT) -> BeatReply:
        """One heartbeat, which blocks, from a thread of its own."""
        return await asyncio.to_thread(self.keeper.beat, report, leases)

    async def claimed(self, name: str, worker: str = "w-1") -> Job:
        """A job of this name, created where there is none, in the worker's hands."""
        await self.ledger.create([NewJob(name, "f", "orders", Band.HIGH, {})])
        job = await self.ledger.claim(name, worker)
        assert job is not None
        return job

    async def until_of(self, job: Job) -> datetime:
        """The end of the job's lease, by the server."""
        held = await self.ledger.get(job.id)
        assert held is not None
        assert held.lease is not None
        return held.lease.until

    async def pass_time(self) -> None:
        """Let the server's clock go on, by a little."""
        start = (await self.beat({})).until

        async def later() -> bool:
            return (await self.beat({})).until > start + timedelta(milliseconds=20)

        await self.lab.until(later)


@pytest.fixture(params=KINDS)
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with lab_of(request.param, request) as found:
        yield found


@pytest.fixture
async def heart(lab: Lab, request: pytest.FixtureRequest) -> AsyncIterator[Heart]:
    if lab.clock is not None:
        ledger = InMemoryJobLedger(lab.clock, LEASE_SECONDS)
        processes = InMemoryProcesses(lab.clock)
        keeper = InMemoryLeaseKeeper(ledger, processes, lab.clock, LEASE_SECONDS)
        yield Heart(lab, ledger, keeper, processes)
        return
    assert lab.database is not None
    name = request.getfixturevalue("mongo_database")
    with connect_blocking(request.getfixturevalue("mongo_uri"), "contract") as client:
        yield Heart(
            lab,
            MongoJobLedger(lab.database, LEASE_SECONDS),
            MongoLeaseKeeper(client, name, LEASE_SECONDS),
            MongoProcesses(lab.database),
        )


def lease_id(job: Job) -> str:
    assert job.lease is not None
    return job.lease.id


async def test_a_beat_extends_the_leases_of_their_holder(heart: Heart) -> None:
    jobs = [await heart.claimed(name) for name in ("a", "b")]
    before = [await heart.until_of(job) for job in jobs]
    await heart.pass_time()
    reply = await heart.beat({lease_id(job): job.id for job in jobs})
    assert reply.lost == frozenset()
    after = [await heart.until_of(job) for job in jobs]
    assert all(new > old for new, old in zip(after, before, strict=True))


async def test_a_beat_promises_no_more_than_the_server_keeps(heart: Heart) -> None:
    job = await heart.claimed("a")
    reply = await heart.beat({lease_id(job): job.id})
    until = await heart.until_of(job)
    assert reply.until <= until
    # nor so little that the lease would be of no use
    assert reply.until > until - timedelta(seconds=LEASE_SECONDS / 2)


async def test_a_stale_holder_is_told_and_extends_nothing(heart: Heart) -> None:
    stale = await heart.claimed("a", worker="stale")
    await heart.ledger.settle(stale, Released())
    fresh = await heart.claimed("a", worker="fresh")
    before = await heart.until_of(fresh)
    await heart.pass_time()
    reply = await heart.beat({lease_id(stale): "a"})
    assert reply.lost == frozenset({lease_id(stale)})
    assert await heart.until_of(fresh) == before


async def test_only_the_leases_that_are_gone_are_lost(heart: Heart) -> None:
    kept, settled = await heart.claimed("a"), await heart.claimed("b")
    await heart.ledger.settle(settled, Succeeded())
    leases = {lease_id(kept): "a", lease_id(settled): "b", "0" * 32: "nobody"}
    reply = await heart.beat(leases)
    assert reply.lost == frozenset(leases) - {lease_id(kept)}


async def test_a_lease_is_good_for_its_own_job_alone(heart: Heart) -> None:
    first, second = await heart.claimed("a"), await heart.claimed("b")
    before = await heart.until_of(second)
    await heart.pass_time()
    assert lease_id(first) in (await heart.beat({lease_id(first): "b"})).lost
    assert await heart.until_of(second) == before


async def test_a_process_is_live_while_it_beats_and_gone_with_its_farewell(heart: Heart) -> None:
    await heart.beat({})
    await heart.beat({}, ProcessReport("g-1", "generator", "host", 8))
    seen = {one.report.name: one for one in await heart.processes.live(LEASE_SECONDS)}
    assert set(seen) == {"w-1", "g-1"}
    assert seen["w-1"].report == REPORT
    assert 0 <= seen["w-1"].age_seconds < LEASE_SECONDS
    await asyncio.to_thread(heart.keeper.farewell, "w-1")
    assert [one.report.name for one in await heart.processes.live(LEASE_SECONDS)] == ["g-1"]


async def test_a_process_that_is_silent_is_not_live(heart: Heart) -> None:
    await heart.beat({})

    async def gone() -> bool:
        return not await heart.processes.live(0.03)

    await heart.lab.until(gone)
    assert len(await heart.processes.live(LEASE_SECONDS)) == 1


class Expiry:
    """A sweep of leases that ran out, in which something happens between the look and the change.

    The ledger's leases are short, so what is renewed or claimed in the sweep is the newer one.
    """

    def __init__(self, heart: Heart) -> None:
        self.heart = heart

    async def with_scope(self) -> Job:
        """A job of a scope whose lease has run out."""
        ledger = self.heart.ledger
        await ledger.create([NewJob("run:a", "f", "orders", Band.HIGH, {}, scope="run")])
        job = await ledger.claim("run:a", "w-1")
        assert job is not None
        await self.has_run_out(job)
        return job

    async def has_run_out(self, job: Job) -> None:
        """Let time pass until the job's lease is over."""
        until = await self.heart.until_of(job)

        async def over() -> bool:
            return await self.heart.lab.now() > until + timedelta(milliseconds=20)

        await self.heart.lab.until(over)

    async def sweep(self, meanwhile: Callable[[], Awaitable[object]]) -> int:
        """Expire leases; what `meanwhile` does happens once a job is seen."""

        async def is_open(_scope: str) -> bool:
            await meanwhile()
            return True

        return await self.heart.ledger.expire_leases(is_open)

    async def stored(self) -> Job:
        """The job as it is now."""
        job = await self.heart.ledger.get("run:a")
        assert job is not None
        return job


@pytest.fixture
def expiry(heart: Heart, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Expiry]:
    seconds = SHORT_LEASE_SECONDS
    if lab.clock is not None:
        ledger = InMemoryJobLedger(lab.clock, seconds)
        keeper = InMemoryLeaseKeeper(ledger, InMemoryProcesses(lab.clock), lab.clock, seconds)
        yield Expiry(Heart(lab, ledger, keeper, heart.processes))
        return
    assert lab.database is not None
    name = request.getfixturevalue("mongo_database")
    with connect_blocking(request.getfixturevalue("mongo_uri"), "contract") as client:
        short = MongoLeaseKeeper(client, name, seconds)
        mongo_ledger = MongoJobLedger(lab.database, seconds)
        yield Expiry(Heart(lab, mongo_ledger, short, heart.processes))


async def test_a_lease_that_is_renewed_in_the_sweep_is_kept(expiry: Expiry) -> None:
    job = await expiry.with_scope()
    assert await expiry.sweep(lambda: expiry.heart.beat({lease_id(job): job.id})) == 0
    after = await expiry.stored()
    assert (after.status, after.lost, after.worker) == (JobStatus.RUNNING, 0, "w-1")
    assert lease_id(after) == lease_id(job)


async def test_a_job_that_is_settled_in_the_sweep_is_kept(expiry: Expiry) -> None:
    job = await expiry.with_scope()
    assert await expiry.sweep(lambda: expiry.heart.ledger.settle(job, Succeeded({"n": 1}))) == 0
    after = await expiry.stored()
    assert (after.status, after.lost, after.result) == (JobStatus.SUCCEEDED, 0, {"n": 1})


@pytest.mark.parametrize("run_out", [False, True])
async def test_the_sweep_takes_no_lease_but_the_one_that_it_saw(
    expiry: Expiry, run_out: bool
) -> None:
    job = await expiry.with_scope()

    async def go_to_another() -> None:
        await expiry.heart.ledger.settle(job, Released())
        fresh = await expiry.heart.ledger.claim(job.id, "w-2")
        assert fresh is not None
        if run_out:
            await expiry.has_run_out(fresh)

    assert await expiry.sweep(go_to_another) == 0
    after = await expiry.stored()
    assert (after.status, after.lost, after.worker) == (JobStatus.RUNNING, 0, "w-2")
