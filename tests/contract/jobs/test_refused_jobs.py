"""A job that no worker understands says so until somebody takes it on."""

from __future__ import annotations

import pytest

from pedidos_common.domain.jobs import Failed, JobStatus, Outcome, Released, Retry, Succeeded
from pedidos_common.ports import JobFilter, JobLedger
from tests.contract.jobs.ledgers import RUN, claimed, new, stored
from tests.contract.lab import Lab

REFUSED = JobFilter(refused=True)
NOT_MINE = Retry("of a newer release", 0.0, refused=True)


async def test_a_job_that_is_refused_says_since_when_until_somebody_takes_it_on(
    lab: Lab, ledger: JobLedger
) -> None:
    await ledger.create([new("a"), new("b")])
    await ledger.settle(await claimed(ledger), NOT_MINE)
    first = await stored(ledger)
    assert (first.status, first.attempts, first.lost) == (JobStatus.RETRYING, 0, 0)
    assert first.refused_since is not None
    assert [job.id for job in (await ledger.page(REFUSED, 10, None)).items] == [first.id]
    await lab.until(lambda: ledger.release_due(10))
    await ledger.settle(await claimed(ledger), NOT_MINE)
    assert (await stored(ledger)).refused_since == first.refused_since
    await lab.until(lambda: ledger.release_due(10))
    await ledger.settle(await claimed(ledger), Succeeded())
    assert (await stored(ledger)).refused_since is None
    assert list((await ledger.page(REFUSED, 10, None)).items) == []


@pytest.mark.parametrize("outcome", [Released(), Retry("away", 1.0), Failed("no")])
async def test_any_other_outcome_of_a_refused_job_is_its_own(
    lab: Lab, ledger: JobLedger, outcome: Outcome
) -> None:
    await ledger.create([new("a")])
    await ledger.settle(await claimed(ledger), NOT_MINE)
    await lab.until(lambda: ledger.release_due(10))
    await ledger.settle(await claimed(ledger), outcome)
    assert (await stored(ledger)).refused_since is None


async def test_a_resumed_scope_begins_anew_with_what_nobody_understood(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    await ledger.settle(await claimed(ledger), NOT_MINE)
    await ledger.cancel_scope(RUN)
    await ledger.resume_scope(RUN, ())
    assert (await stored(ledger)).refused_since is None
