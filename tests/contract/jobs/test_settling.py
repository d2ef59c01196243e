"""A job is settled once, and by the holder of its lease alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pedidos_common.domain.jobs import (
    Cancelled,
    Failed,
    JobStatus,
    Outcome,
    Released,
    Retry,
    Succeeded,
)
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import claimed, is_open, new, stored
from tests.contract.lab import Lab


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Succeeded({"processed": 3}), JobStatus.SUCCEEDED),
        (Failed("$broken", {"failed": 1}), JobStatus.FAILED),
        (Cancelled(), JobStatus.CANCELLED),
        (Retry("$later", 60.0), JobStatus.RETRYING),
        (Released(), JobStatus.QUEUED),
    ],
)
async def test_each_outcome_settles(ledger: JobLedger, outcome: Outcome, status: JobStatus) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.settle(job, outcome)
    after = await stored(ledger)
    assert (after.status, after.lease, after.deliveries, after.lost) == (status, None, 1, 0)
    assert (after.settled_at is not None) == (status in {"succeeded", "failed", "cancelled"})
    assert after.result == dict(getattr(outcome, "result", {}))
    assert after.error == getattr(outcome, "reason", None)


async def test_a_job_that_is_handed_back_late_has_lost_its_worker(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    assert await ledger.settle(await claimed(ledger), Released(lost=True))
    after = await stored(ledger)
    assert (after.status, after.lease, after.lost) == (JobStatus.QUEUED, None, 1)


async def test_a_settled_job_does_not_settle_again(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.settle(job, Succeeded({"n": 1}))
    assert not await ledger.settle(job, Failed("too late"))
    assert (await stored(ledger)).result == {"n": 1}


async def test_only_the_lease_s_holder_settles(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    stale = await claimed(ledger, worker="stale")
    await ledger.settle(stale, Released())
    fresh = await claimed(ledger, worker="fresh")
    assert not await ledger.settle(stale, Succeeded())
    assert (fresh.deliveries, fresh.first_claimed_at) == (2, stale.first_claimed_at)
    assert await ledger.settle(fresh, Succeeded())


async def test_settling_what_was_never_claimed_is_refused(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    assert not await ledger.settle(await stored(ledger), Succeeded())


@pytest.mark.parametrize("outcome", [Succeeded({"n": 1}), Retry("later", 9.0), Released()])
async def test_a_settle_that_is_asked_again_is_one_settle(
    ledger: JobLedger, outcome: Outcome
) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.settle(job, outcome)
    after = await stored(ledger)
    assert await ledger.settle(job, outcome, again=True)
    assert await stored(ledger) == after
    assert not await ledger.settle(job, outcome), "only who asks again is told"


async def test_a_settle_of_another_is_not_one_s_own(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    stale = await claimed(ledger)
    await ledger.take_back("w", is_open)
    assert await ledger.settle(await claimed(ledger, worker="w2"), Succeeded())
    assert not await ledger.settle(stale, Succeeded(), again=True)


async def test_success_clears_the_reason_of_an_earlier_retry(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new("a")])
    await ledger.settle(await claimed(ledger), Retry("hm", 0.0, {"n": 1}, counts=True))
    await lab.until(lambda: ledger.release_due(10))
    job = await claimed(ledger)
    assert (job.error, job.result, job.attempts) == ("hm", {"n": 1}, 1)
    await ledger.settle(job, Succeeded({"n": 2}))
    after = await stored(ledger)
    assert (after.error, after.result, after.attempts) == (None, {"n": 2}, 1)


async def test_a_retry_that_does_not_count_is_no_attempt(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    await ledger.settle(await claimed(ledger), Retry("a server was away", 1.0))
    assert (await stored(ledger)).attempts == 0


async def test_a_run_that_brought_something_ends_the_row_of_those_that_failed(
    ledger: JobLedger, lab: Lab
) -> None:
    await ledger.create([new("a")])
    attempts = []
    for outcome in (
        Retry("no answer", 0.0, counts=True),
        Retry("no answer", 0.0, counts=True),
        Retry("it waits", 0.0, fresh=True),
        Retry("no answer", 0.0, counts=True),
    ):
        await ledger.settle(await claimed(ledger), outcome)
        attempts.append((await stored(ledger)).attempts)
        await lab.until(lambda: ledger.release_due(10))
    assert attempts == [1, 2, 0, 1]


async def test_many_settlements_at_once_are_told_from_stale_ones(ledger: JobLedger) -> None:
    await ledger.create([new(f"{number}") for number in range(6)])
    jobs = [await claimed(ledger, str(number)) for number in range(6)]
    assert await ledger.settle(jobs[1], Succeeded({"n": 1}))
    outcomes: list[Outcome] = [Succeeded({"n": n}) for n in range(4)]
    outcomes += [Retry("not now", 30.0, counts=True), Failed("$for good")]
    done = await asyncio.gather(
        *(ledger.settle(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True))
    )
    kept = [await ledger.get(job.id) for job in jobs]
    # whether the one that was settled before is told "yes" or "no", it was settled by this lease
    assert [said for n, said in enumerate(done) if n != 1] == [True] * 5
    assert [job.status for job in kept if job] == [
        *[JobStatus.SUCCEEDED] * 4,
        JobStatus.RETRYING,
        JobStatus.FAILED,
    ]
    assert [job.result for job in kept[:4] if job] == [{"n": n} for n in range(4)]


async def test_a_stale_worker_among_many_settlements_changes_nothing(ledger: JobLedger) -> None:
    await ledger.create([new(f"{number}") for number in range(3)])
    jobs = [await claimed(ledger, str(number)) for number in range(3)]
    stale = replace(jobs[0], lease=jobs[0].lease and replace(jobs[0].lease, id="another's"))
    done = await asyncio.gather(*(ledger.settle(job, Succeeded()) for job in [stale, *jobs[1:]]))
    assert done == [False, True, True]
    kept = await ledger.get(jobs[0].id)
    assert kept is not None
    assert kept.status is JobStatus.RUNNING


async def test_a_settlement_that_cannot_be_stored_takes_none_of_its_neighbours_along(
    lab: Lab, ledger: JobLedger
) -> None:
    await ledger.create([new(f"{number}") for number in range(3)])
    jobs = [await claimed(ledger, str(number)) for number in range(3)]
    outcomes = [Succeeded({"n": n}) for n in (1, 1 << 80, 3)]
    done = await asyncio.gather(
        *(ledger.settle(job, how) for job, how in zip(jobs, outcomes, strict=True)),
        return_exceptions=True,
    )
    assert done[0] is done[2] is True
    # a dictionary stores any number
    assert isinstance(done[1], OverflowError) or lab.database is None
