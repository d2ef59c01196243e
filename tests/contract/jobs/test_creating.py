"""What a ledger is told of a job is what it holds, however often it is told."""

from __future__ import annotations

from datetime import timedelta

from pedidos_common.domain.jobs import Band, JobStatus
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import RUN, claimed, new, stored


async def test_a_created_job_reads_as_it_was_given(ledger: JobLedger) -> None:
    bells = await ledger.create([new("a", trace="00-x", max_deliveries=3)])
    job = await stored(ledger)
    assert [(bell.job_id, bell.queue, bell.band) for bell in bells] == [
        (job.id, "orders", Band.HIGH)
    ]
    assert job.status is JobStatus.QUEUED
    assert (job.function, job.scope, job.payload) == ("f", RUN, {"n": 1, "text": "$name"})
    assert (job.trace, job.max_deliveries, job.deliveries, job.attempts) == ("00-x", 3, 0, 0)
    assert job.created_at.utcoffset() == timedelta(0)


async def test_creating_twice_changes_nothing(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    await claimed(ledger)
    bells = await ledger.create([new("a", function="other"), new("b")])
    assert [bell.job_id for bell in bells] == [f"{RUN}:b"]
    assert (await stored(ledger)).function == "f"
    assert (await stored(ledger)).status is JobStatus.RUNNING


async def test_creating_a_queued_job_again_gives_its_bell(ledger: JobLedger) -> None:
    first = await ledger.create([new("a")])
    assert list(await ledger.create([new("a")])) == list(first)


async def test_nothing_created_is_nothing_rung(ledger: JobLedger) -> None:
    assert list(await ledger.create([])) == []
