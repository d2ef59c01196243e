"""Each queue by itself: how it stands, its jobs, its failures, and their way back."""

from __future__ import annotations

from pedidos_common.domain.jobs import Failed, JobStatus, NewJob, Outcome, Retry, Succeeded
from pedidos_common.ports import JobLedger
from tests.contract.jobs.ledgers import new
from tests.contract.lab import Lab

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
