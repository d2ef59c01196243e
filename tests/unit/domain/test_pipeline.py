"""The engine's decision, driven by a small simulation of workers over in-memory jobs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.jobs import Job, JobStatus, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.pipeline import Limits, next_step
from pedidos_common.domain.run_jobs import chunk_job
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, Plan, Run, RunTrigger, advance

RUN_ID = new_run_id(1_700_000_000_000, 42)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_run(quantity: int, chunk: int, batch: int, group: int) -> Run:
    plan = Plan(quantity, chunk, batch, group, seed=1, generator_version=1)
    return Run(RUN_ID, plan, Phase.GENERATING, NOW)


def job_of(new: NewJob) -> Job:
    return Job(
        id=new.id,
        function=new.function,
        queue=new.queue,
        band=new.band,
        payload=new.payload,
        status=JobStatus.QUEUED,
        created_at=NOW,
        scope=new.scope,
    )


@dataclass
class Simulation:
    """A ledger as a dictionary; workers settle jobs in any sequence, leaders come and go."""

    run: Run
    draw: random.Random
    limits: Limits
    split_chance: float = 0.0
    jobs: dict[str, Job] = field(default_factory=dict)
    sequence: list[str] = field(default_factory=list)
    largest_open: int = 0

    def view(self) -> RunView:
        view = RunView(self.run)
        for job_id in sorted(self.jobs):
            job = self.jobs[job_id]
            if job.status is JobStatus.QUEUED:
                view.note_open(job.id, job.payload)
            else:
                view.absorb(job)
        return view

    def settle_some(self, view: RunView) -> None:
        waiting = [job for job in self.jobs.values() if job.status is JobStatus.QUEUED]
        for job in self.draw.sample(waiting, k=min(len(waiting), self.draw.randint(1, 4))):
            done = replace(job, status=JobStatus.SUCCEEDED, result=self.result(job))
            self.jobs[job.id] = done
            self.sequence.append(job.id)
            view.absorb(done)
            view.absorb(done)  # a job that is seen twice counts once

    def result(self, job: Job) -> dict[str, Any]:
        size = job.payload["last"] - job.payload["first"] + 1
        if ":chunk:" in job.id:
            vip = self.draw.randint(0, size)
            return {"vip": vip, "normal": size - vip}
        if size > 1 and self.draw.random() < self.split_chance:
            middle = job.payload["first"] + size // 2
            halves = [[job.payload["first"], middle - 1], [middle, job.payload["last"]]]
            return {"processed": 0, "failed": 0, "split": halves}
        return {"processed": size, "failed": 0}

    def play(self) -> RunView:
        view = self.view()
        for _ in range(100_000):
            if self.run.phase is Phase.DONE:
                return view
            if self.draw.random() < 0.2:
                view = self.view()  # another leader takes over
            due = next_step(self.run.phase, view, self.limits)
            for new in due.jobs:
                view.note_open(new.id, new.payload)
                self.jobs.setdefault(new.id, job_of(new))
            self.largest_open = max(self.largest_open, view.outstanding.orders(Priority.NORMAL))
            if due.trigger is not None:
                self.run = replace(self.run, phase=advance(self.run.phase, due.trigger))
                view.run = self.run
            else:
                self.settle_some(view)
        raise AssertionError(f"stuck in {self.run.phase}")


sizes = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(1, 12), st.integers(1, 20))


@settings(max_examples=150, deadline=None)
@given(sizes, st.integers(0, 10_000), st.sampled_from([0.0, 0.4]))
def test_a_run_ends_and_every_order_is_in_one_batch(
    shape: tuple[int, int, int, int], seed: int, split_chance: float
) -> None:
    quantity, _, batch, group = shape
    limits = Limits(chunks=3, vip_orders=5, normal_groups=2)
    game = Simulation(a_run(*shape), random.Random(seed), limits, split_chance)
    view = game.play()
    covered: list[int] = []
    for job in game.jobs.values():
        if ":chunk:" not in job.id and "split" not in job.result:
            covered += range(job.payload["first"], job.payload["last"] + 1)
    assert sorted(covered) == list(range(1, quantity + 1))
    assert sum(t.processed for t in view.tallies.values()) == quantity
    if not split_chance:  # parts of split batches come on top
        assert game.largest_open <= 2 * group + batch


@settings(max_examples=150, deadline=None)
@given(sizes, st.integers(0, 10_000), st.sampled_from([0.0, 0.4]))
def test_no_normal_batch_is_settled_before_the_last_vip_one(
    shape: tuple[int, int, int, int], seed: int, split_chance: float
) -> None:
    game = Simulation(a_run(*shape), random.Random(seed), Limits(2, 4, 2), split_chance)
    game.play()
    lanes = [job_id.split(":")[1] for job_id in game.sequence if ":chunk:" not in job_id]
    assert lanes == sorted(lanes, reverse=True)  # vip … normal


def test_a_dead_chunk_ends_the_run_in_error_with_its_reason() -> None:
    view = RunView(a_run(10, 5, 5, 5))
    jobs = next_step(Phase.GENERATING, view, Limits()).jobs
    view.absorb(replace(job_of(jobs[0]), status=JobStatus.FAILED, error="disk full"))
    due = next_step(Phase.GENERATING, view, Limits())
    assert due.trigger is RunTrigger.FAIL
    assert "chunk 0 could not be written: disk full" in str(due.reason)


def test_a_dead_vip_batch_releases_the_barrier() -> None:
    game = Simulation(a_run(4, 4, 2, 4), random.Random(1), Limits())
    view = game.view()
    for new in next_step(Phase.GENERATING, view, Limits()).jobs:
        chunk = replace(job_of(new), status=JobStatus.SUCCEEDED, result={"vip": 2, "normal": 2})
        view.absorb(chunk)
    (vip,) = next_step(Phase.ENQUEUE_VIP, view, Limits()).jobs
    view.note_open(vip.id, vip.payload)
    assert not view.drained(Priority.VIP)
    dead = replace(
        job_of(vip), status=JobStatus.FAILED, result={"processed": 1, "failed": 1}, error="x"
    )
    view.absorb(dead)
    assert view.drained(Priority.VIP)
    assert view.tallies[Priority.VIP].failed == 1


def test_a_cancelled_batch_does_not_open_the_barrier() -> None:
    view = RunView(a_run(4, 4, 2, 4))
    chunk = next_step(Phase.GENERATING, view, Limits()).jobs[0]
    view.absorb(replace(job_of(chunk), status=JobStatus.SUCCEEDED, result={"vip": 4, "normal": 0}))
    for new in next_step(Phase.ENQUEUE_VIP, view, Limits()).jobs:
        view.absorb(replace(job_of(new), status=JobStatus.CANCELLED))
    assert not view.drained(Priority.VIP)


def test_ids_carry_the_run() -> None:
    view = RunView(a_run(4, 4, 2, 4))
    chunk = next_step(Phase.GENERATING, view, Limits()).jobs[0]
    assert chunk.id == f"{RUN_ID}:chunk:000000"
    assert UUID(chunk.payload["runId"]) == RUN_ID


def test_groups_follow_one_another_at_once_until_no_more_may_be_open() -> None:
    run = replace(a_run(quantity=60, chunk=30, batch=5, group=10), phase=Phase.ENQUEUE_NORMAL)
    simulation = Simulation(run, random.Random(1), Limits(2, vip_orders=10, normal_groups=3))
    for index in range(2):
        job = job_of(chunk_job(run, index))
        written = {"vip": 0, "normal": 30}
        simulation.jobs[job.id] = replace(job, status=JobStatus.SUCCEEDED, result=written)
    view, opened, more = simulation.view(), [], []
    for _ in range(4):
        step = next_step(run.phase, view, simulation.limits)
        for new in step.jobs:
            view.note_open(new.id, new.payload)
        opened.append(view.outstanding.orders(Priority.NORMAL))
        more.append(step.more)
    assert opened == [10, 20, 30, 30]
    assert more == [True, True, False, False]
