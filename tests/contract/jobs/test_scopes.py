"""The jobs of a scope are cancelled, resumed, looked at and removed together."""

from __future__ import annotations

from datetime import timedelta

from pedidos_common.domain.jobs import Failed, JobStatus, Retry, Succeeded
from pedidos_common.ports import JobFilter, JobLedger
from tests.contract.jobs.ledgers import OTHER, RUN, claimed, new, stored
from tests.contract.lab import Lab


async def test_cancel_takes_what_waits_and_leaves_what_runs(ledger: JobLedger) -> None:
    await ledger.create([new("a"), new("b"), new("c"), new("x", scope=OTHER)])
    await ledger.settle(await claimed(ledger, "b"), Retry("later", 60.0))
    await claimed(ledger, "c")
    assert await ledger.cancel_scope(RUN) == 2
    counts = await ledger.counts(RUN)
    assert (counts[JobStatus.CANCELLED], counts[JobStatus.RUNNING]) == (2, 1)
    assert await ledger.running(RUN) == 1
    assert (await ledger.counts(OTHER))[JobStatus.QUEUED] == 1
    assert (await ledger.counts())[JobStatus.QUEUED] == 1


async def test_resume_queues_the_cancelled_and_named_failures(ledger: JobLedger) -> None:
    await ledger.create([new("a"), new("b"), new("c", function="g"), new("d")])
    await ledger.settle(await claimed(ledger, "b"), Failed("f broke"))
    await ledger.settle(await claimed(ledger, "c"), Failed("g broke"))
    await ledger.settle(await claimed(ledger, "d"), Succeeded())
    await ledger.cancel_scope(RUN)
    bells = await ledger.resume_scope(RUN, ["g"])
    assert sorted(bell.job_id for bell in bells) == [f"{RUN}:a", f"{RUN}:c"]
    assert {bell.ring for bell in bells} == {2}
    assert (await stored(ledger, "a")).settled_at is None
    assert (await stored(ledger, "b")).status is JobStatus.FAILED


async def test_settled_and_started_among(ledger: JobLedger) -> None:
    await ledger.create([new(name) for name in "abcd"])
    await ledger.settle(await claimed(ledger, "a"), Succeeded())
    await ledger.settle(await claimed(ledger, "b"), Retry("later", 60.0))
    await claimed(ledger, "c")
    ids = [f"{RUN}:{name}" for name in "abcd"] + ["nobody"]
    assert [job.id[-1] for job in await ledger.settled_among(ids)] == ["a"]
    assert sorted(job.id[-1] for job in await ledger.started_among(ids)) == ["b", "c"]
    assert list(await ledger.settled_among([])) == []


async def test_jobs_of_a_scope_by_id(ledger: JobLedger) -> None:
    await ledger.create([new(name) for name in "cab"] + [new("x", scope=OTHER)])
    assert [job.id[-1] async for job in ledger.of_scope(RUN)] == ["a", "b", "c"]


async def test_pages_are_newest_first_and_join_to_the_whole(ledger: JobLedger) -> None:
    for number in range(7):
        await ledger.create([new(f"{number}", queue="generation" if number == 3 else "orders")])
    await ledger.create([new("x", scope=OTHER)])
    found, cursor = [], None
    while True:
        page = await ledger.page(JobFilter(scope=RUN, queue="orders"), 2, cursor)
        assert len(page.items) <= 2
        found += [job.id[-1] for job in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == ["6", "5", "4", "2", "1", "0"]


async def test_pages_filter_by_status_and_function(ledger: JobLedger) -> None:
    await ledger.create([new("a"), new("b", function="g")])
    await claimed(ledger, "a")
    running = await ledger.page(JobFilter(statuses=[JobStatus.RUNNING]), 10, None)
    assert [job.id for job in running.items] == [f"{RUN}:a"]
    of_g = await ledger.page(JobFilter(function="g"), 10, None)
    assert [job.id for job in of_g.items] == [f"{RUN}:b"]


async def test_remove_by_scope_by_age_by_status_and_all(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new(name) for name in "abc"] + [new("x", scope=OTHER)])
    await ledger.create([new("alone", scope=None)])
    done = await claimed(ledger, "a")
    await ledger.settle(done, Succeeded())
    await ledger.settle(await claimed(ledger, "b"), Failed("broken"))
    settled_at = (await stored(ledger, "a")).settled_at
    assert settled_at is not None
    assert await ledger.remove(settled_before=settled_at - timedelta(minutes=1)) == 0
    assert await ledger.remove_settled(JobStatus.SUCCEEDED, OTHER) == 0
    assert await ledger.remove_settled(JobStatus.SUCCEEDED, None) == 0
    assert await ledger.remove_settled(JobStatus.SUCCEEDED, RUN) == 1
    assert await ledger.remove(settled_before=settled_at + timedelta(minutes=1)) == 1
    assert await ledger.remove(scope=OTHER) == 1
    assert await ledger.remove() == 2
