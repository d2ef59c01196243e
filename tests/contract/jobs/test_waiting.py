"""How long work waits, and how much of it stands in which queue."""

from __future__ import annotations

from pedidos_common.domain.jobs import Cancelled, Failed, JobStatus, Outcome, Retry, Succeeded
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import claimed, new
from tests.contract.lab import LEASE_SECONDS, Lab


async def test_quiet_is_how_long_work_waits_while_none_is_alive(
    ledger: JobLedger, lab: Lab
) -> None:
    assert await ledger.quiet_seconds() == 0
    await ledger.create([new("a", scope=None), new("b")])

    async def waits_longer_than_a_lease() -> bool:
        return await ledger.quiet_seconds() > LEASE_SECONDS

    await lab.until(waits_longer_than_a_lease)
    alive = await claimed(ledger, "b")
    assert await ledger.quiet_seconds() < LEASE_SECONDS, "a job was just taken"
    await lab.until(waits_longer_than_a_lease)  # its worker gave no sign of life since
    await ledger.settle(alive, Retry("later", 600.0))
    assert await ledger.quiet_seconds() > LEASE_SECONDS, "the other one still waits"


async def test_what_is_not_due_yet_is_not_waited_for(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new("a"), new("b")])
    await ledger.settle(await claimed(ledger), Retry("later", 600.0))
    await ledger.settle(await claimed(ledger, "b"), Succeeded())
    assert await ledger.quiet_seconds() == 0


async def test_each_queue_is_counted_by_status_and_by_the_job_that_waits_longest(
    ledger: JobLedger, lab: Lab
) -> None:
    assert list(await ledger.depths(10)) == []
    names = ("waits", "runs", "later", "never", "done", "over")
    await ledger.create([new(name) for name in names])
    await ledger.create([new("else", scope=None, queue="others")])
    settled: dict[str, Outcome] = {
        "later": Retry("x", 600.0),
        "never": Failed("x"),
        "done": Succeeded(),
        "over": Cancelled(),
    }
    await claimed(ledger, "runs")
    for name, outcome in settled.items():
        assert await ledger.settle(await claimed(ledger, name), outcome)
    found = {depth.queue: depth for depth in await ledger.depths(10)}
    assert found["orders"].counts == {
        JobStatus.QUEUED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.RETRYING: 1,
        JobStatus.FAILED: 1,
    }
    assert found["others"].counts == {JobStatus.QUEUED: 1}

    async def has_waited() -> bool:
        depths = await ledger.depths(10)
        return min(depth.waiting_seconds for depth in depths) > 2 * LEASE_SECONDS

    await lab.until(has_waited)
    await claimed(ledger, "waits")
    found = {depth.queue: depth for depth in await ledger.depths(10)}
    assert found["orders"].waiting_seconds == 0
    assert found["others"].waiting_seconds > 2 * LEASE_SECONDS


async def test_no_more_jobs_of_a_status_are_looked_at_than_asked_for(ledger: JobLedger) -> None:
    await ledger.create([new(f"{number}") for number in range(6)])
    (depth,) = await ledger.depths(4)
    assert depth.counts == {JobStatus.QUEUED: 4}
