"""Jobs whose worker is lost go on without it, or end with their scope."""

from __future__ import annotations

import pytest

from pedidos_common.domain.jobs import JobStatus, Outcome, Released, Retry, Succeeded
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import claimed, is_closed, is_open, ledger_of, new, stored
from tests.contract.lab import LEASE_SECONDS, Lab


async def test_a_lease_that_is_held_is_not_expired(lab: Lab) -> None:
    ledger = ledger_of(lab, 600.0)
    await ledger.create([new("a")])
    await claimed(ledger)
    assert await ledger.expire_leases(is_open) == 0
    assert (await stored(ledger)).status is JobStatus.RUNNING


async def test_a_lost_lease_is_expired_once_and_counts_as_lost(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new("a")])
    lost = await claimed(ledger)
    await lab.until(lambda: ledger.expire_leases(is_open))
    assert await ledger.expire_leases(is_open) == 0
    job = await stored(ledger)
    assert (job.status, job.lost, job.deliveries, job.attempts) == (JobStatus.QUEUED, 1, 1, 0)
    assert not await ledger.settle(lost, Succeeded())
    assert [bell.job_id for bell in await ledger.silent(LEASE_SECONDS / 2, 10)] == [job.id]


async def test_a_lost_lease_of_a_closed_scope_ends_cancelled(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new("a"), new("alone", scope=None)])
    await claimed(ledger)
    await ledger.claim("alone", "w")

    async def both_expired() -> bool:
        await ledger.expire_leases(is_closed)
        return await ledger.running() == 0

    await lab.until(both_expired)
    assert (await stored(ledger)).status is JobStatus.CANCELLED
    alone = await ledger.get("alone")
    assert alone is not None
    assert alone.status is JobStatus.QUEUED


async def test_what_a_process_held_is_taken_back_in_its_name_alone(
    ledger: JobLedger, lab: Lab
) -> None:
    await ledger.create([new("a"), new("b"), new("c")])
    lost, others = await claimed(ledger, "a", "w"), await claimed(ledger, "b", "w2")
    await ledger.settle(await claimed(ledger, "c", "w"), Succeeded())
    assert await ledger.take_back("w", is_open) == 1
    assert await ledger.take_back("w", is_open) == 0
    job = await stored(ledger)
    assert (job.status, job.lease, job.lost, job.deliveries) == (JobStatus.QUEUED, None, 1, 1)
    assert not await ledger.settle(lost, Succeeded())
    assert await ledger.settle(others, Succeeded())
    assert (await stored(ledger, "c")).status is JobStatus.SUCCEEDED
    await lab.until(lambda: ledger.silent(LEASE_SECONDS / 2, 10))  # so it is rung again


async def test_what_is_taken_back_of_a_closed_scope_ends_cancelled(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    await claimed(ledger)
    assert await ledger.take_back("w", is_closed) == 1
    assert (await stored(ledger)).status is JobStatus.CANCELLED


async def test_a_probe_is_noted_by_the_lease_s_holder_only(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.note_probe(job)
    assert (await stored(ledger)).probes == 1
    await ledger.settle(job, Released())
    assert not await ledger.note_probe(job)
    assert (await stored(ledger)).probes == 1


@pytest.mark.parametrize("outcome", [Retry("hm", 60.0), Released()])
async def test_a_job_that_is_exonerated_has_lost_no_worker(
    ledger: JobLedger, outcome: Outcome
) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.note_probe(job)
    assert await ledger.settle(job, outcome, exonerated=True)
    assert ((await stored(ledger)).lost, (await stored(ledger)).probes) == (0, 0)
