"""What waits is rung: when it is due, and again when its ring is lost."""

from __future__ import annotations

from dataclasses import replace

from pedidos_common.domain.jobs import JobStatus, Retry
from pedidos_common.ports import Bell, JobLedger
from tests.contract.jobs.ledgers import RUN, claimed, new, stored
from tests.contract.lab import Lab


async def test_a_retry_is_released_when_due_with_a_new_ring(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new("a"), new("b")])
    for name, delay in (("a", 1.0), ("b", 600.0)):
        await ledger.settle(await claimed(ledger, name), Retry("later", delay))
    assert list(await ledger.release_due(10)) == []
    bells: list[Bell] = []

    async def released() -> bool:
        bells.extend(await ledger.release_due(10))
        return bool(bells)

    await lab.until(released)
    assert [(bell.job_id, bell.ring) for bell in bells] == [(f"{RUN}:a", 2)]
    job = await stored(ledger)
    assert (job.status, job.due_at) == (JobStatus.QUEUED, None)


async def test_silent_jobs_are_those_not_rung_for_long(ledger: JobLedger, lab: Lab) -> None:
    bells = await ledger.create([new("a"), new("b")])
    assert list(await ledger.silent(60.0, 10)) == []

    async def silent() -> int:
        return len(await ledger.silent(1.0, 10))

    await lab.until(silent)
    await ledger.rang(bells[:1])
    assert [bell.job_id for bell in await ledger.silent(1.0, 10)] == [f"{RUN}:b"]


async def test_a_ring_number_never_falls(ledger: JobLedger) -> None:
    bells = await ledger.create([new("a")])
    await ledger.rang([replace(bells[0], ring=4)])
    await ledger.rang([replace(bells[0], ring=2)])
    assert (await stored(ledger)).ring == 4
