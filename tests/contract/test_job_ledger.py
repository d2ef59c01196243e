"""Every job ledger keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.jobs import (
    Band,
    Cancelled,
    Failed,
    Job,
    JobStatus,
    NewJob,
    Outcome,
    Released,
    Retry,
    Succeeded,
)
from pedidos_common.ports import Bell, JobFilter, JobLedger
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from tests.contract.lab import KINDS, LEASE_SECONDS, Lab, lab_of

RUN = "01934f1e-7c00-8a1b-8c3d-4e0000000000"
OTHER = "01934f1e-7c01-8a1b-8c3d-4e0000000000"


TOGETHER = "mongo, together"


@pytest.fixture(params=[*KINDS, TOGETHER])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    together = request.param == TOGETHER
    async with lab_of("mongo" if together else request.param, request) as found:
        found.together = together
        yield found


def ledger_of(lab: Lab, lease_seconds: float) -> JobLedger:
    if lab.database is not None:
        return MongoJobLedger(lab.database, lease_seconds, together=lab.together)
    assert lab.clock is not None
    return InMemoryJobLedger(lab.clock, lease_seconds)


@pytest.fixture
def ledger(lab: Lab) -> JobLedger:
    return ledger_of(lab, LEASE_SECONDS)


def new(name: str, scope: str | None = RUN, **fields: object) -> NewJob:
    job_id = name if scope is None else f"{scope}:{name}"
    plain = NewJob(job_id, "f", "orders", Band.HIGH, {"n": 1, "text": "$name"}, scope=scope)
    return NewJob(**{**{f: getattr(plain, f) for f in plain.__slots__}, **fields})


async def claimed(ledger: JobLedger, name: str = "a", worker: str = "w") -> Job:
    job = await ledger.claim(f"{RUN}:{name}", worker)
    assert job is not None
    return job


async def stored(ledger: JobLedger, name: str = "a") -> Job:
    job = await ledger.get(f"{RUN}:{name}")
    assert job is not None
    return job


async def is_open(_scope: str) -> bool:
    return True


async def is_closed(_scope: str) -> bool:
    return False


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


async def test_what_is_not_queued_is_not_claimed(ledger: JobLedger) -> None:
    assert await ledger.claim("nobody", "w") is None
    await ledger.create([new("a")])
    job = await claimed(ledger)
    await ledger.settle(job, Succeeded())
    assert await ledger.claim(job.id, "w") is None


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


async def test_a_probe_is_noted_by_the_lease_s_holder_only(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.note_probe(job)
    assert (await stored(ledger)).probes == 1
    await ledger.settle(job, Released())
    assert not await ledger.note_probe(job)
    assert (await stored(ledger)).probes == 1


async def test_settling_what_was_never_claimed_is_refused(ledger: JobLedger) -> None:
    await ledger.create([new("a")])
    assert not await ledger.settle(await stored(ledger), Succeeded())


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


@pytest.mark.parametrize("outcome", [Retry("hm", 60.0), Released()])
async def test_a_job_that_is_exonerated_has_lost_no_worker(
    ledger: JobLedger, outcome: Outcome
) -> None:
    await ledger.create([new("a")])
    job = await claimed(ledger)
    assert await ledger.note_probe(job)
    assert await ledger.settle(job, outcome, exonerated=True)
    assert ((await stored(ledger)).lost, (await stored(ledger)).probes) == (0, 0)


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


# --- queues


QUEUE = "inventory"
WORD_BY_WORD = ("co_z", "co_a", "co_m")  # ids that do not rise with time


async def settled(ledger: JobLedger, name: str, outcome: Outcome) -> None:
    job = await ledger.claim(name, "w")
    assert job is not None
    assert await ledger.settle(job, outcome)


def listed(name: str, queue: str = QUEUE) -> NewJob:
    return new(name, None, queue=queue)


async def in_turn(ledger: JobLedger, *names: str) -> None:
    for name in names:
        await ledger.create([listed(name)])


async def test_each_queue_stands_with_its_jobs_by_status(ledger: JobLedger) -> None:
    await in_turn(ledger, "waits", "done", "later", "dead", "held")
    await ledger.create([listed("elsewhere", "orders")])
    for name, outcome in (
        ("done", Succeeded()),
        ("later", Retry("x", 60.0)),
        ("dead", Failed("x")),
    ):
        await settled(ledger, name, outcome)
    await ledger.claim("held", "w")
    own, empty, other = await ledger.standing([QUEUE, "unheard", "orders"], list(JobStatus), 10)
    assert dict(own.counts) == {
        JobStatus.QUEUED: 1,
        JobStatus.RUNNING: 1,
        JobStatus.RETRYING: 1,
        JobStatus.SUCCEEDED: 1,
        JobStatus.FAILED: 1,
    }
    assert (empty.queue, dict(empty.counts), empty.waiting_seconds) == ("unheard", {}, 0.0)
    assert (other.queue, dict(other.counts)) == ("orders", {JobStatus.QUEUED: 1})
    (done,) = await ledger.standing([QUEUE], [JobStatus.SUCCEEDED], 10)
    assert (dict(done.counts), done.waiting_seconds) == ({JobStatus.SUCCEEDED: 1}, 0.0)


async def test_a_queue_is_counted_no_further_than_asked(ledger: JobLedger) -> None:
    await ledger.create([listed(f"j{n}") for n in range(5)])
    (found,) = await ledger.standing([QUEUE], [JobStatus.QUEUED], 3)
    assert dict(found.counts) == {JobStatus.QUEUED: 3}


async def test_a_queue_tells_how_long_its_oldest_job_waits(lab: Lab, ledger: JobLedger) -> None:
    await in_turn(ledger, "co_z")

    async def waits() -> bool:
        return (await ledger.standing([QUEUE], [JobStatus.QUEUED], 10))[0].waiting_seconds > 1.5

    await lab.until(waits)
    await in_turn(ledger, "co_a")
    assert await waits()
    await ledger.claim("co_z", "w")
    assert not await waits()


async def test_a_queue_lists_what_was_created_last_first(ledger: JobLedger) -> None:
    await in_turn(ledger, *WORD_BY_WORD, "co_b")
    await ledger.create([listed("elsewhere", "orders")])
    await ledger.claim("co_b", "w")
    first = await ledger.newest(QUEUE, JobStatus.QUEUED, 2, None)
    assert [job.id for job in first.items] == ["co_m", "co_a"]
    rest = await ledger.newest(QUEUE, JobStatus.QUEUED, 2, first.cursor)
    assert ([job.id for job in rest.items], rest.cursor) == (["co_z"], None)


async def test_failures_say_what_failed_and_why(ledger: JobLedger) -> None:
    await in_turn(ledger, "co_z", "co_a")
    for name in ("co_z", "co_a"):
        await settled(ledger, name, Failed(f"no {name}"))
    page = await ledger.failures(QUEUE, 1, None)
    (last,) = page.items
    assert (last.job_id, last.function, last.error) == ("co_a", "f", "no co_a")
    job = await ledger.get("co_a")
    assert job is not None
    assert last.failed_at == job.settled_at
    assert [one.job_id for one in (await ledger.failures(QUEUE, 5, page.cursor)).items] == ["co_z"]


async def test_a_failed_job_is_revived_as_itself_and_once(ledger: JobLedger) -> None:
    await in_turn(ledger, "co_a", "co_b", "co_c")
    job = await ledger.claim("co_a", "w")
    assert job is not None
    await ledger.settle(job, Retry("x", 0.0, counts=True))
    await ledger.release_due(10)
    await settled(ledger, "co_a", Failed("x"))
    await settled(ledger, "co_b", Succeeded())
    assert not await ledger.revive("orders", ["co_a"]), "it is of another queue"
    (bell,) = await ledger.revive(QUEUE, ["co_a", "co_b", "nobody"])
    assert (bell.job_id, bell.queue, bell.ring) == ("co_a", QUEUE, 3)
    revived = await ledger.get("co_a")
    assert revived is not None
    assert (revived.status, revived.attempts, revived.settled_at) == (JobStatus.QUEUED, 0, None)
    assert list(await ledger.revive(QUEUE, ["co_a"])) == [bell], "asked again it changes nothing"
    done = await ledger.get("co_b")
    assert done is not None
    assert done.status is JobStatus.SUCCEEDED
