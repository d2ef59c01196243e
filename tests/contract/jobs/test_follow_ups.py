"""What follows from a job is stored with its outcome, in every job ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pedidos_common.domain.jobs import (
    Band,
    Failed,
    Job,
    JobStatus,
    NewJob,
    Outcome,
    Retry,
    Succeeded,
)
from pedidos_common.ports import Bell, FollowUps, JobLedger
from tests.contract.lab import Lab

SCOPE = "co_checkout"
FIRST = f"{SCOPE}:payment"


def new(job_id: str = FIRST, **fields: object) -> NewJob:
    plain = NewJob(job_id, "$pay", "payments", Band.HIGH, {"text": "$name", "a.b": 1}, scope=SCOPE)
    return replace(plain, **fields)  # type: ignore[arg-type]


NEXT = (
    new(f"{SCOPE}:stock", ahead_seconds=10.0, trace="00-x", max_deliveries=3, payload_version=2),
    new(f"{SCOPE}:recovery", band=Band.LOW, delay_seconds=60.0),
)


async def claimed(ledger: JobLedger, job_id: str = FIRST) -> Job:
    await ledger.create([new(job_id)])
    job = await ledger.claim(job_id, "w")
    assert job is not None
    return job


async def left(ledger: JobLedger, lab: Lab, older_than_seconds: float = 0.1) -> list[FollowUps]:
    """What is left to follow, once there is something."""
    found: list[FollowUps] = []

    async def some() -> bool:
        found[:] = await ledger.left_follow_ups(older_than_seconds, 10)
        return bool(found)

    await lab.until(some)
    return found


async def past(ledger: JobLedger, lab: Lab, seconds: float) -> None:
    """Let so much of the server's time pass."""
    end = await lab.now() + timedelta(seconds=seconds)

    async def is_past() -> bool:
        return await lab.now() > end

    await lab.until(is_past)


@pytest.mark.parametrize("outcome", [Succeeded({"n": 1}, NEXT), Failed("$no", {"n": 1}, NEXT)])
async def test_what_follows_is_left_as_it_was_given(
    ledger: JobLedger, lab: Lab, outcome: Outcome
) -> None:
    job = await claimed(ledger)
    assert await ledger.settle(job, outcome)
    assert list(await ledger.left_follow_ups(60.0, 10)) == []
    (found,) = await left(ledger, lab)
    assert job.lease is not None
    assert (found.job_id, found.lease_id, tuple(found.jobs)) == (FIRST, job.lease.id, NEXT)
    assert await ledger.get(NEXT[0].id) is None, "they are created by whoever settled"
    after = await ledger.get(FIRST)
    assert after is not None
    assert (after.result, after.lease) == ({"n": 1}, None)


async def test_what_is_noted_is_left_no_more(ledger: JobLedger, lab: Lab) -> None:
    for name in "ab":
        job = await claimed(ledger, f"{SCOPE}:{name}")
        await ledger.settle(job, Succeeded({}, NEXT))
    first = (await left(ledger, lab))[0]
    await ledger.note_followed([first])
    await past(ledger, lab, 0.2)
    assert [one.job_id for one in await left(ledger, lab)] == [f"{SCOPE}:b"]
    await ledger.note_followed([first])
    await ledger.note_followed([])


async def test_no_more_than_the_limit_is_told_of(ledger: JobLedger, lab: Lab) -> None:
    for name in "abc":
        await ledger.settle(await claimed(ledger, f"{SCOPE}:{name}"), Succeeded({}, NEXT))
    await past(ledger, lab, 0.2)
    assert len(await ledger.left_follow_ups(0.1, 2)) == 2


async def test_a_job_without_any_has_none_left(ledger: JobLedger, lab: Lab) -> None:
    await ledger.settle(await claimed(ledger), Succeeded({"n": 1}))
    other = await claimed(ledger, f"{SCOPE}:other")
    await ledger.settle(other, Retry("later", 1.0))
    await past(ledger, lab, 0.2)
    assert list(await ledger.left_follow_ups(0.0, 10)) == []
    if lab.database is not None:
        document = await lab.database["jobs"].find_one({"_id": FIRST})
        assert document is not None
        assert not {"followUps", "followUpsDue", "aheadSeconds"} & set(document)


async def test_a_stale_worker_leaves_nothing_to_follow(ledger: JobLedger, lab: Lab) -> None:
    job = await claimed(ledger)
    stale = replace(job, lease=job.lease and replace(job.lease, id="another's"))
    assert not await ledger.settle(stale, Succeeded({}, NEXT))
    await past(ledger, lab, 0.2)
    assert list(await ledger.left_follow_ups(0.0, 10)) == []


async def test_a_settle_that_is_asked_again_leaves_them_once(ledger: JobLedger, lab: Lab) -> None:
    job = await claimed(ledger)
    outcome = Succeeded({}, NEXT)
    assert await ledger.settle(job, outcome)
    (found,) = await left(ledger, lab)
    await ledger.note_followed([found])
    assert await ledger.settle(job, outcome, again=True)
    await past(ledger, lab, 0.2)
    assert list(await ledger.left_follow_ups(0.0, 10)) == []


async def test_a_dead_letter_is_not_queued_again_before_it_was_followed(
    ledger: JobLedger, lab: Lab
) -> None:
    """Its next outcome would take the place of what is left of this one."""
    await ledger.settle(await claimed(ledger), Failed("no", follow_ups=NEXT))
    (found,) = await left(ledger, lab)
    assert list(await ledger.resume_scope(SCOPE, ["$pay"])) == []
    await ledger.note_followed([found])
    assert [bell.job_id for bell in await ledger.resume_scope(SCOPE, ["$pay"])] == [FIRST]
    again = await ledger.claim(FIRST, "w")
    assert again is not None
    await ledger.settle(again, Succeeded({}, NEXT[:1]))
    await ledger.note_followed([found])  # late, and of the settle before
    (of_the_new_one,) = await left(ledger, lab)
    assert tuple(of_the_new_one.jobs) == NEXT[:1]


async def test_what_is_left_to_follow_is_not_removed_for_its_age(
    ledger: JobLedger, lab: Lab
) -> None:
    await ledger.settle(await claimed(ledger, "alone"), Succeeded({}, NEXT))
    later = await lab.now() + timedelta(days=1)
    (found,) = await left(ledger, lab)
    assert await ledger.remove(settled_before=later) == 0
    assert await ledger.remove_settled(JobStatus.SUCCEEDED, None) == 0
    await ledger.note_followed([found])
    assert await ledger.remove(settled_before=later) == 1


async def test_many_at_once_are_all_created(ledger: JobLedger) -> None:
    asked = [[new(f"{SCOPE}:{n}:a"), new(f"{SCOPE}:{n}:b")] for n in range(8)]
    asked.append(asked[0])
    bells = await asyncio.gather(*(ledger.create(jobs) for jobs in asked))
    assert [[bell.job_id for bell in each] for each in bells[:-1]] == [
        [job.id for job in jobs] for jobs in asked[:-1]
    ]
    assert {bell.job_id for bell in bells[-1]} == {job.id for job in asked[0]}
    assert (await ledger.counts(SCOPE))[JobStatus.QUEUED] == 16


async def test_one_that_cannot_be_stored_takes_none_of_its_neighbours_along(
    ledger: JobLedger, lab: Lab
) -> None:
    asked = [new("a"), new("b", payload={"n": 1 << 80}), new("c")]
    done = await asyncio.gather(*(ledger.create([job]) for job in asked), return_exceptions=True)
    assert isinstance(done[1], OverflowError) or lab.database is None
    for one, job_id in ((done[0], "a"), (done[2], "c")):
        assert not isinstance(one, BaseException)
        assert [bell.job_id for bell in one] == [job_id]


async def test_a_head_start_goes_with_the_job_and_its_bells(ledger: JobLedger, lab: Lab) -> None:
    (bell,) = await ledger.create([new(ahead_seconds=2.5)])
    (again,) = await ledger.create([new()])
    assert bell == again
    assert bell.ahead_seconds == 2.5
    await past(ledger, lab, 0.2)
    assert [one.ahead_seconds for one in await ledger.silent(0.1, 10)] == [2.5]
    job = await ledger.claim(FIRST, "w")
    assert job is not None
    assert job.ahead_seconds == 2.5
    await ledger.settle(job, Retry("later", 0.0))
    bells: list[Bell] = []

    async def due() -> bool:
        bells.extend(await ledger.release_due(10))
        return bool(bells)

    await lab.until(due)
    assert [one.ahead_seconds for one in bells] == [2.5]


async def test_a_delayed_job_is_due_so_long_after_it_was_created(
    ledger: JobLedger, lab: Lab
) -> None:
    asked_at = await lab.now()
    bells = await ledger.create([new(delay_seconds=600.0), new("other")])
    assert [bell.job_id for bell in bells] == ["other"]
    job = await ledger.get(FIRST)
    assert job is not None
    assert job.status is JobStatus.RETRYING
    assert job.due_at is not None
    assert timedelta(0) <= job.due_at - asked_at - timedelta(seconds=600) < timedelta(seconds=5)
    assert (job.attempts, job.deliveries) == (0, 0)
    assert list(await ledger.release_due(10)) == []
    assert await ledger.claim(FIRST, "w") is None


async def test_a_retry_that_is_hastened_is_due_now(ledger: JobLedger, lab: Lab) -> None:
    await ledger.settle(await claimed(ledger), Retry("no webhook yet", 600.0))
    assert list(await ledger.release_due(10)) == []
    assert await ledger.hasten(FIRST)
    await lab.until(lambda: ledger.release_due(10))
    assert not await ledger.hasten(FIRST), "it is queued"
    assert not await ledger.hasten("unknown")


async def test_silent_jobs_are_told_from_behind_one_on(ledger: JobLedger, lab: Lab) -> None:
    await ledger.create([new(f"{n}") for n in range(4)])
    await past(ledger, lab, 0.2)
    assert [bell.job_id for bell in await ledger.silent(0.1, 2, "0")] == ["1", "2"]
    assert [bell.job_id for bell in await ledger.silent(0.1, 2, "2")] == ["3"]
    assert list(await ledger.silent(0.1, 2, "3")) == []
