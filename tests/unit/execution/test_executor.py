"""One job's way through a process: whatever happens in it becomes an outcome in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import (
    Band,
    Failed,
    Job,
    JobStatus,
    NewJob,
    Outcome,
    Released,
    Retry,
    RetryPolicy,
    Succeeded,
)
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.job_watch import UnwatchedJobs
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.clock import ManualClock
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger

SCOPE = "0190a0a0-0000-8000-8000-000000000000"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
JOB = f"{SCOPE}:vip:000000:00000"
Work = Callable[[Job, JobContext], Awaitable[Outcome]]


class Losses(UnwatchedJobs):
    """Notes claims, by delivery, and lost leases."""

    def __init__(self) -> None:
        self.deliveries: list[int] = []
        self.lost: list[str] = []

    def claimed(self, job: Job) -> None:
        self.deliveries.append(job.deliveries)

    def lease_lost(self, job: Job) -> None:
        self.lost.append(job.id)


class Bench:
    """An executor over an in-memory ledger, with one job function `work`."""

    def __init__(self, work: Work, *, lease_seconds: float = 10.0, **of_function: Any) -> None:
        self.clock = ManualClock()
        self.ledger = InMemoryJobLedger(self.clock, lease_seconds)
        self.held = HeldLeases(lease_seconds)
        self.open = True
        function = JobFunction("work", work, **of_function)
        gate = ScopeGate(self._is_open, remember_seconds=0)
        self.losses = Losses()
        self.executor = Executor(
            self.ledger,
            table([function]),
            self.held,
            gate,
            worker="w",
            slots=2,
            watch=self.losses,
        )

    async def _is_open(self, _scope: str) -> bool:
        return self.open

    async def create(self, function: str = "work", **fields: Any) -> None:
        payload = {"first": 1, "last": 2}
        await self.ledger.create(
            [NewJob(JOB, function, "orders", Band.HIGH, payload, scope=SCOPE, **fields)]
        )

    async def job(self) -> Job:
        job = await self.ledger.get(JOB)
        assert job is not None
        return job

    async def run_once(self) -> Job:
        await self.executor.deliver(JOB)
        await eventually(self.idle)
        return await self.job()

    def idle(self) -> bool:
        return self.executor.busy == 0


async def well(_job: Job, _context: JobContext) -> Outcome:
    return Succeeded({"processed": 2})


async def broken(_job: Job, _context: JobContext) -> Outcome:
    raise ValueError("no such thing")


async def test_a_job_is_claimed_performed_and_settled() -> None:
    bench = Bench(well)
    await bench.create()
    job = await bench.run_once()
    assert (job.status, job.result, job.deliveries) == (JobStatus.SUCCEEDED, {"processed": 2}, 1)
    assert len(bench.held) == 0
    assert (bench.losses.deliveries, bench.losses.lost) == ([1], [])


async def test_a_job_whose_lease_ran_out_here_alone_is_not_kept_from_others() -> None:
    """As a process that was frozen: its heartbeat renews what its job has just given up."""

    async def late(_job: Job, context: JobContext) -> Outcome:
        next(iter(bench.held._held.values())).valid_until = 0.0
        context.ensure_held()
        return Succeeded()

    bench = Bench(late)
    await bench.create()
    job = await bench.run_once()
    assert (job.status, job.lease, job.lost) == (JobStatus.QUEUED, None, 1)
    assert bench.losses.lost == [JOB]


async def test_what_a_thawed_process_gives_up_does_not_wait_for_the_lease_that_it_renewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Right after it was frozen it may take the server for dead, once."""
    monkeypatch.setattr("pedidos_common.execution.asking.PAUSE_SECONDS", 0.001)

    async def late(_job: Job, context: JobContext) -> Outcome:
        next(iter(bench.held._held.values())).valid_until = 0.0
        context.ensure_held()
        return Succeeded()

    bench = Bench(late)
    await bench.create()
    settle, failures = bench.ledger.settle, iter([True, True])

    async def sometimes(job: Job, outcome: Outcome, **of: bool) -> bool:
        if next(failures, False):
            raise Unavailable("connection closed")
        return await settle(job, outcome, **of)

    monkeypatch.setattr(bench.ledger, "settle", sometimes)
    job = await bench.run_once()
    assert (job.status, job.lease) == (JobStatus.QUEUED, None)


async def test_a_ring_for_a_job_that_is_done_or_unknown_does_nothing() -> None:
    bench = Bench(well)
    await bench.create()
    await bench.run_once()
    await bench.executor.deliver("unknown:chunk:000000")
    assert (await bench.run_once()).deliveries == 1


@pytest.mark.parametrize("applied", [True, False])
async def test_a_claim_without_a_reply_is_asked_again_and_costs_no_lease(
    applied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pedidos_common.execution.asking.PAUSE_SECONDS", 0.01)
    bench = Bench(well)
    await bench.create()
    claim, asked = bench.ledger.claim, []

    async def unheard(*args: Any, **kwargs: Any) -> Job | None:
        asked.append(args)
        if len(asked) < 3:
            if applied:
                await claim(*args, **kwargs)
            raise Unavailable("the reply was lost")
        return await claim(*args, **kwargs)

    bench.ledger.claim = unheard  # type: ignore[method-assign]
    job = await bench.run_once()
    assert (job.status, job.deliveries, len(asked)) == (JobStatus.SUCCEEDED, 1, 3)


async def test_a_claim_is_not_asked_for_longer_than_a_lease() -> None:
    bench = Bench(well, lease_seconds=0.0)
    await bench.create()

    async def away(*_args: Any, **_kwargs: Any) -> Job | None:
        raise Unavailable("MongoDB did not answer")

    bench.ledger.claim = away  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await bench.executor.deliver(JOB)
    assert bench.idle()


async def test_an_exception_is_retried_and_at_last_given_up_with_its_reason() -> None:
    given: list[str] = []

    async def give_up(_job: Job, _context: JobContext, reason: str) -> Outcome:
        given.append(reason)
        return Failed(reason)

    bench = Bench(broken, retry=RetryPolicy(max_attempts=2, base_seconds=1), give_up=give_up)
    await bench.create()
    job = await bench.run_once()
    assert (job.status, job.attempts) == (JobStatus.RETRYING, 1)
    assert given == []
    bench.clock.advance(2)
    assert [bell.job_id for bell in await bench.ledger.release_due(10)] == [JOB]
    job = await bench.run_once()
    assert job.status is JobStatus.FAILED
    assert given == ["ValueError: no such thing"]


async def test_a_server_that_is_away_is_no_attempt() -> None:
    async def unreachable(_job: Job, _context: JobContext) -> Outcome:
        raise Unavailable("MongoDB did not answer")

    bench = Bench(unreachable, retry=RetryPolicy(max_attempts=1))
    await bench.create()
    job = await bench.run_once()
    assert (job.status, job.attempts) == (JobStatus.RETRYING, 0)


async def test_after_an_outage_no_job_waits_long_however_often_it_was_taken() -> None:
    async def unreachable(_job: Job, _context: JobContext) -> Outcome:
        raise Unavailable("MongoDB did not answer")

    bench = Bench(unreachable)
    await bench.create()
    for _ in range(10):
        job = await bench.run_once()
        assert job.status is JobStatus.RETRYING
        bench.clock.advance(2.0)
        await bench.ledger.release_due(1)
        assert (await bench.job()).status is JobStatus.QUEUED


async def test_a_job_past_its_deadline_is_stopped() -> None:
    async def slow(_job: Job, _context: JobContext) -> Outcome:
        await asyncio.Event().wait()
        return Succeeded()

    bench = Bench(slow, deadline_seconds=lambda _job: 0.01)
    await bench.create()
    job = await bench.run_once()
    assert job.status is JobStatus.RETRYING
    assert "took longer than" in str(job.error)


async def lose_a_worker(bench: Bench, *, probed: bool = False) -> None:
    claimed = await bench.ledger.claim(JOB, "a worker that dies")
    assert claimed is not None
    assert not probed or await bench.ledger.note_probe(claimed)
    bench.clock.advance(11)
    assert await bench.ledger.expire_leases(bench._is_open) == 1


async def test_a_suspect_is_run_alone_before_it_is_given_up() -> None:
    bench = Bench(well)
    await bench.create(max_deliveries=1)
    await lose_a_worker(bench)
    job = await bench.run_once()
    assert (job.status, job.probes, job.lost) == (JobStatus.SUCCEEDED, 1, 1)


@pytest.mark.parametrize("harmless", [True, False])
async def test_a_job_that_kills_its_worker_even_alone_is_given_up_not_run(harmless: bool) -> None:
    bench = Bench(broken, probe_first=lambda _job: not harmless)
    await bench.create(max_deliveries=1)
    await lose_a_worker(bench)
    for _ in range(0 if harmless else 2):
        await lose_a_worker(bench, probed=True)
    job = await bench.run_once()
    assert job.status is JobStatus.FAILED
    assert "its worker was lost" in str(job.error)


async def test_nothing_else_runs_beside_a_suspect() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    started: list[str] = []

    async def record(job: Job, _context: JobContext) -> Outcome:
        started.append(job.id)
        if job.id == JOB:
            entered.set()
            await go_on.wait()
        return Succeeded()

    bench = Bench(record)
    await bench.create(max_deliveries=1)
    await lose_a_worker(bench)
    other = NewJob("other", "work", "orders", Band.HIGH, {})
    await bench.ledger.create([other])
    await bench.executor.deliver(JOB)
    await entered.wait()
    await bench.executor.deliver(other.id)
    assert started == [JOB]
    go_on.set()
    await eventually(bench.idle)
    assert started == [JOB, other.id]


async def suspect(work: Work, **of_function: Any) -> Bench:
    """A bench whose job has lost so many workers that it is run alone."""
    bench = Bench(work, **of_function)
    await bench.create(max_deliveries=1)
    await lose_a_worker(bench)
    return bench


async def test_a_suspect_whose_worker_lives_is_none_any_more() -> None:
    bench = await suspect(broken, retry=RetryPolicy(max_attempts=5))
    job = await bench.run_once()
    assert (job.status, job.attempts) == (JobStatus.RETRYING, 1)
    assert (job.lost, job.probes) == (0, 0)


async def test_a_probe_that_a_shutdown_ends_counts_for_nothing() -> None:
    entered = asyncio.Event()

    async def endless(_job: Job, _context: JobContext) -> Outcome:
        entered.set()
        await asyncio.Event().wait()
        return Succeeded()

    bench = await suspect(endless)
    await bench.executor.deliver(JOB)
    await entered.wait()
    await bench.executor.drain(0.01)
    job = await bench.job()
    assert (job.status, job.lost, job.probes) == (JobStatus.QUEUED, 0, 0)


async def test_waiting_to_be_alone_takes_nothing_off_a_suspects_deadline() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def work(job: Job, _context: JobContext) -> Outcome:
        if job.id == "other":
            entered.set()
            await go_on.wait()
        return Succeeded()

    bench = await suspect(work, deadline_seconds=lambda job: 60.0 if job.id == "other" else -60.0)
    await bench.ledger.create([NewJob("other", "work", "orders", Band.HIGH, {})])
    await bench.executor.deliver("other")
    await entered.wait()
    await bench.executor.deliver(JOB)
    await eventually(lambda: bench.executor._isolation.wanted)
    assert JOB in bench.held.to_extend(asyncio.get_running_loop().time()).values()
    assert bench.executor.free_slots() == 0, "a newcomer would only wait"
    go_on.set()
    await eventually(bench.idle)


async def test_a_server_that_is_away_before_the_work_begins_loses_no_worker() -> None:
    bench = Bench(well)
    await bench.create()

    async def away(_scope: str) -> bool:
        raise Unavailable("MongoDB did not answer")

    bench.executor._gate = ScopeGate(away)
    job = await bench.run_once()
    assert (job.status, job.lost, job.attempts) == (JobStatus.RETRYING, 0, 0)


async def test_a_cancellation_from_inside_the_work_is_a_failed_attempt() -> None:
    async def waits_for_what_is_cancelled(_job: Job, _context: JobContext) -> Outcome:
        shared = asyncio.get_running_loop().create_future()
        shared.cancel()
        await shared
        return Succeeded()

    bench = Bench(waits_for_what_is_cancelled)
    await bench.create()
    job = await bench.run_once()
    assert (job.status, job.attempts) == (JobStatus.RETRYING, 1)


async def test_a_time_out_inside_the_work_is_told_as_it_is() -> None:
    async def times_out(_job: Job, _context: JobContext) -> Outcome:
        raise TimeoutError("connecting to the carrier")

    bench = Bench(times_out)
    await bench.create()
    assert (await bench.run_once()).error == "TimeoutError: connecting to the carrier"


async def test_a_job_of_a_run_that_is_over_is_cancelled_not_run() -> None:
    bench = Bench(well)
    await bench.create()
    bench.open = False
    assert (await bench.run_once()).status is JobStatus.CANCELLED


async def test_an_unknown_function_is_left_to_another_worker() -> None:
    bench = Bench(well)
    await bench.create(function="of a later release")
    job = await bench.run_once()
    assert job.status is JobStatus.RETRYING
    assert "of a later release" in str(job.error)


async def test_a_stale_worker_settles_nothing() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def paused(_job: Job, _context: JobContext) -> Outcome:
        entered.set()
        await go_on.wait()
        return Succeeded({"by": "the stale one"})

    bench = Bench(paused)
    await bench.create()
    await bench.executor.deliver(JOB)
    await entered.wait()
    bench.clock.advance(11)
    await bench.ledger.expire_leases(bench._is_open)
    other = await bench.ledger.claim(JOB, "another")
    assert other is not None
    go_on.set()
    await eventually(bench.idle)
    assert (await bench.job()).status is JobStatus.RUNNING
    assert await bench.ledger.settle(other, Succeeded({"by": "the other"}))
    assert (await bench.job()).result == {"by": "the other"}


async def test_a_lease_that_the_heartbeat_reports_lost_stops_the_job() -> None:
    entered, ended = asyncio.Event(), asyncio.Event()

    async def paused(_job: Job, _context: JobContext) -> Outcome:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Succeeded()

    bench = Bench(paused)
    await bench.create()
    await bench.executor.deliver(JOB)
    await entered.wait()
    await asyncio.to_thread(bench.held.lose, list(bench.held.to_extend(0.0)))
    await asyncio.wait_for(ended.wait(), 5)
    await eventually(bench.idle)
    assert (await bench.job()).status is JobStatus.RUNNING
    assert bench.losses.lost == [JOB]


async def test_settling_waits_for_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pedidos_common.execution.asking.PAUSE_SECONDS", 0.001)
    bench = Bench(well)
    await bench.create()
    settle, failures = bench.ledger.settle, iter([True, True])

    async def sometimes(job: Job, outcome: Outcome, **of: bool) -> bool:
        if next(failures, False):
            raise Unavailable("away")
        return await settle(job, outcome, **of)

    monkeypatch.setattr(bench.ledger, "settle", sometimes)
    assert (await bench.run_once()).status is JobStatus.SUCCEEDED


async def test_a_settle_without_a_reply_is_told_once_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pedidos_common.execution.asking.PAUSE_SECONDS", 0.001)
    bench, told = Bench(well), []
    await bench.create()
    settle, failures = bench.ledger.settle, iter([True, True])

    async def unheard(job: Job, outcome: Outcome, **of: bool) -> bool:
        done = await settle(job, outcome, **of)
        if next(failures, False):
            raise Unavailable("the reply was lost")
        return done

    async def observe(job: Job, _outcome: Outcome, _seconds: float) -> None:
        told.append(job.id)

    monkeypatch.setattr(bench.ledger, "settle", unheard)
    bench.executor._observe = observe
    assert (await bench.run_once()).status is JobStatus.SUCCEEDED
    assert told == [JOB]


async def test_a_drain_lets_jobs_end_and_takes_no_new_ones() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def paused(_job: Job, context: JobContext) -> Outcome:
        entered.set()
        await go_on.wait()
        return Released() if context.stopping else Succeeded()

    bench = Bench(paused)
    await bench.create()
    await bench.executor.deliver(JOB)
    await entered.wait()
    draining = asyncio.create_task(bench.executor.drain(5))
    await eventually(lambda: bench.executor.stopping)
    assert bench.executor.free_slots() == 0
    go_on.set()
    await draining
    job = await bench.job()
    assert (job.status, job.lost) == (JobStatus.QUEUED, 0)


async def test_a_drain_that_takes_too_long_hands_jobs_back() -> None:
    entered = asyncio.Event()

    async def endless(_job: Job, _context: JobContext) -> Outcome:
        entered.set()
        await asyncio.Event().wait()
        return Succeeded()

    bench = Bench(endless)
    await bench.create()
    await bench.executor.deliver(JOB)
    await entered.wait()
    await bench.executor.drain(0.01)
    job = await bench.job()
    assert (job.status, job.lost, job.lease) == (JobStatus.QUEUED, 0, None)


async def test_every_line_of_a_job_tells_the_job_its_run_and_its_trace() -> None:
    async def talkative(_job: Job, _context: JobContext) -> Outcome:
        structlog.get_logger("shop").info("order_shipped")
        raise ValueError("no such thing")

    bench = Bench(talkative)
    await bench.create(trace=f"00-{TRACE}-00f067aa0ba902b7-01")
    with capture_logs([merge_contextvars]) as lines:
        await bench.run_once()
        structlog.get_logger("test").info("after_it")
    of_job = [line for line in lines if line["event"] != "after_it"]
    assert {"order_shipped", "job_settled"} <= {line["event"] for line in of_job}
    for line in of_job:
        assert (line["jobId"], line["runId"]) == (JOB, SCOPE)
        assert TRACE in line["traceId"]
    assert "jobId" not in lines[-1]


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (Succeeded(), "debug"),
        (Retry("the provider rests", 60.0, deferred=True), "debug"),
        (Retry("the provider answered 500", 2.0, counts=True), "warning"),
        (Retry("3 orders failed and are tried again", 2.0), "warning"),
        (Failed("for good"), "warning"),
    ],
)
async def test_a_job_that_is_put_off_is_no_warning(outcome: Outcome, level: str) -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        return outcome

    bench = Bench(work)
    await bench.create()
    with capture_logs() as lines:
        await bench.run_once()
    [line] = [line for line in lines if line["event"] == "job_settled"]
    assert line["log_level"] == level


async def test_the_lines_of_a_job_without_a_run_name_none() -> None:
    bench = Bench(well)
    await bench.ledger.create([NewJob("alone", "work", "orders", Band.LOW, {})])
    with capture_logs([merge_contextvars]) as lines:
        await bench.executor.deliver("alone")
        await eventually(bench.idle)
    assert [(line["jobId"], "runId" in line, "traceId" in line) for line in lines] == [
        ("alone", False, False)
    ]


async def test_a_queue_whose_jobs_wait_for_others_in_hand_leaves_the_other_queues_open() -> None:
    enough = False
    bench = Bench(well, queue="orders", has_enough=lambda: enough)
    assert bench.executor.free_slots("orders") == 2
    enough = True
    assert bench.executor.free_slots("orders") == 0
    assert bench.executor.free_slots("notifications") == 2
