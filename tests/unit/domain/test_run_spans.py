"""A run's trace stays one that can be looked at, whatever the run's size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.domain.jobs import Job, JobStatus, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import chunk_job, part_job
from pedidos_common.domain.run_spans import job_place, phase_place, run_place
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_common.domain.tracing import parse_traceparent

NOW = datetime(2025, 1, 1, tzinfo=UTC)
TRACE, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MOST_JOBS_SEEN = 150


def run_of(quantity: int, chunk: int = 10_000, batch: int = 1_000, flags: str = "01") -> Run:
    plan = Plan(quantity, chunk, batch, 10_000, seed=1, generator_version=1)
    trace = f"00-{TRACE}-{REQUEST}-{flags}"
    return Run(new_run_id(1, 1), plan, Phase.GENERATING, NOW, trace=trace)


def settled(job: NewJob, deliveries: int = 1, **result: int) -> Job:
    return Job(
        job.id,
        job.function,
        job.queue,
        job.band,
        job.payload,
        JobStatus.SUCCEEDED,
        NOW,
        scope=job.scope,
        deliveries=deliveries,
        result=result,
        trace=job.trace,
    )


def jobs_of(run: Run, deliveries: int = 1) -> list[NewJob]:
    """All jobs that the run will have, a third of each chunk's orders being VIP."""
    view = RunView(run)
    chunks = list(view.due_chunks(run.plan.chunks))
    for chunk in chunks:
        size = int(chunk.payload["last"]) - int(chunk.payload["first"]) + 1
        view.absorb(settled(chunk, deliveries, vip=size // 3, normal=size - size // 3))
    batches = [job for one in Priority for job in view.due_batches(one, run.plan.quantity)]
    return chunks + batches


def is_seen(job: NewJob) -> bool:
    context = parse_traceparent(job.trace)
    assert context is not None
    assert context.trace_id == TRACE
    return context.sampled


@pytest.mark.parametrize(
    ("quantity", "chunk", "batch"),
    [(1, 10_000, 1_000), (100_000, 10_000, 1_000), (1_000_000, 10_000, 1_000), (20_000, 10_000, 1)],
)
def test_a_run_of_any_size_has_a_bounded_number_of_jobs_in_its_trace(
    quantity: int, chunk: int, batch: int
) -> None:
    jobs = jobs_of(run_of(quantity, chunk, batch))
    seen = [job for job in jobs if is_seen(job)]
    assert 2 <= len(seen) <= MOST_JOBS_SEEN
    assert {job.payload.get("priority") for job in seen} >= {None, "NORMAL"}


def test_a_batch_is_seen_where_its_chunk_is_which_is_its_parent() -> None:
    jobs = jobs_of(run_of(200_000), deliveries=3)
    chunks = [job for job in jobs if "priority" not in job.payload and is_seen(job)]
    places = [job_place(settled(job, deliveries=3)) for job in chunks]
    parents = {place.own.span_id for place in places if place}
    batches = [job for job in jobs if "priority" in job.payload and is_seen(job)]
    found = {context.span_id for job in batches if (context := parse_traceparent(job.trace))}
    assert len(chunks) < 20
    assert found == parents


def test_a_chunk_is_below_the_run_and_the_run_below_its_request() -> None:
    run = run_of(10)
    place = run_place(run)
    assert place is not None
    assert (place.own.trace_id, place.parent_id) == (TRACE, REQUEST)
    assert chunk_job(run, 0).trace == place.own.traceparent
    phase = phase_place(run, Phase.GENERATING)
    assert phase is not None
    assert phase.parent_id == place.own.span_id != phase.own.span_id


def test_parts_of_a_split_batch_are_seen_like_it() -> None:
    run = run_of(1_000_000)
    batch = next(job for job in jobs_of(run) if "priority" in job.payload and is_seen(job))
    part = part_job(run, f"{batch.id}/3", OrderRange(run.id, 1, 1))
    assert part.trace == batch.trace


def test_nothing_of_a_run_that_is_not_sampled_is_seen() -> None:
    jobs = jobs_of(run_of(20_000, flags="00"))
    assert jobs
    assert not any(is_seen(job) for job in jobs)


def test_a_resumed_run_has_another_span_in_the_same_trace() -> None:
    run = run_of(10)
    first, second = run_place(run), run_place(replace(run, resumes=1))
    assert first is not None
    assert second is not None
    assert (first.own.trace_id, first.parent_id) == (second.own.trace_id, second.parent_id)
    assert first.own.span_id != second.own.span_id


@pytest.mark.parametrize("trace", [None, "00-x"])
def test_jobs_of_a_run_without_a_trace_have_none(trace: str | None) -> None:
    run = replace(run_of(10), trace=trace)
    assert {job.trace for job in jobs_of(run)} == {None}
    assert (run_place(run), phase_place(run, Phase.GENERATING)) == (None, None)
