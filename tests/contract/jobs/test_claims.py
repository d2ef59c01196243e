"""A job is one claimer's at a time, and a claim that is asked again is one."""

from __future__ import annotations

import asyncio

from pedidos_common.domain.jobs import JobStatus, Succeeded
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import RUN, claimed, new


async def test_one_of_many_claims_wins(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    claims = await asyncio.gather(*(ledger.claim(f"{RUN}:a", f"w{n}") for n in range(8)))
    winners = [job for job in claims if job is not None]
    assert len(winners) == 1
    job = winners[0]
    assert (job.status, job.deliveries) == (JobStatus.RUNNING, 1)
    assert job.lease is not None
    assert job.lease.worker == job.worker
    assert job.first_claimed_at == job.claimed_at
    assert job.claimed_at is not None
    assert job.lease.until > job.claimed_at


async def test_many_claims_at_once_are_won_once_each(ledger: JobLedger) -> None:
    names = [f"{RUN}:{number:02}" for number in range(12)]
    await ledger.create([new(f"{number:02}") for number in range(12)])
    asked = [*names, *names, f"{RUN}:missing"]
    found = await asyncio.gather(
        *(ledger.claim(job_id, f"w{n % 3}") for n, job_id in enumerate(asked))
    )
    won = [job for job in found if job is not None]
    assert sorted(job.id for job in won) == names
    assert len({job.lease.id for job in won if job.lease}) == len(names)
    assert all(job.deliveries == 1 for job in won)


async def test_what_is_not_queued_is_not_claimed(ledger: JobLedger) -> None:
    assert await ledger.claim("nobody", "w") is None
    await ledger.create([new("a")])
    job = await claimed(ledger)
    await ledger.settle(job, Succeeded())
    assert await ledger.claim(job.id, "w") is None


async def test_a_claim_that_is_asked_again_is_one_claim(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    job_id = f"{RUN}:a"
    first = await ledger.claim(job_id, "w", "lease-1")
    again = await ledger.claim(job_id, "w", "lease-1", again=True)
    assert first is not None and again is not None  # noqa: PT018
    assert first.lease is not None and again.lease is not None  # noqa: PT018
    assert (again.lease.id, again.deliveries) == (first.lease.id, 1) == ("lease-1", 1)
    assert again.lease.until >= first.lease.until
    assert await ledger.claim(job_id, "w", "lease-2", again=True) is None
    assert await ledger.claim(job_id, "w", "lease-1") is None, "only who asks again is told"
    assert await ledger.settle(again, Succeeded())
    assert await ledger.claim(job_id, "w", "lease-1", again=True) is None


async def test_a_claim_that_never_arrived_is_made_when_it_is_asked_again(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    job = await ledger.claim(f"{RUN}:a", "w", "lease-1", again=True)
    assert job is not None
    assert job.deliveries == 1
