"""What the engine tells of a run: what it dispatches, each phase that is over, and its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.run_jobs import chunk_job
from pedidos_common.domain.run_spans import run_place
from pedidos_common.domain.runs import Phase, PhaseChange, Plan, Run
from pedidos_common.testing.in_memory_tracing import InMemoryTracing
from pedidos_orchestrator.engine.run_spans import RunSpans

START = datetime(2025, 1, 1, tzinfo=UTC)
PLAN = Plan(1_000_000, 10_000, 1_000, 10_000, seed=1, generator_version=1)


def run_in(*phases: Phase, resumes: int = 0, error: str | None = None) -> Run:
    """A run that entered these phases, a second each."""
    history = tuple(
        PhaseChange(phase, START + timedelta(seconds=n)) for n, phase in enumerate(phases)
    )
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    run = Run(new_run_id(1, 1), PLAN, phases[-1], START, history, trace=trace)
    return replace(run, resumes=resumes, error=error)


@pytest.fixture
def tracing() -> InMemoryTracing:
    return InMemoryTracing()


@pytest.fixture
def spans(tracing: InMemoryTracing) -> RunSpans:
    return RunSpans(tracing)


def test_a_phase_that_is_over_is_a_span_below_the_run(
    spans: RunSpans, tracing: InMemoryTracing
) -> None:
    run = run_in(Phase.GENERATING, Phase.ENQUEUE_VIP)
    spans.entered(run)
    place = run_place(run)
    assert place is not None
    assert [(one.title, one.place.parent_id) for one in tracing.spans] == [
        ("GENERATING", place.own.span_id)
    ]


@pytest.mark.parametrize(
    ("end", "error", "said"),
    [
        (Phase.DONE, None, None),
        (Phase.ABORTED, None, "ABORTED"),
        (Phase.ERROR, "no progress", "no progress"),
    ],
)
def test_a_run_that_is_over_is_a_span(
    spans: RunSpans, tracing: InMemoryTracing, end: Phase, error: str | None, said: str | None
) -> None:
    run = run_in(Phase.GENERATING, end, error=error)
    spans.entered(run)
    last = tracing.spans[-1]
    assert (last.title, last.error, last.place) == ("run", said, run_place(run))
    assert last.attributes["pedidos.orders"] == 1_000_000


def test_what_is_dispatched_is_a_span_where_one_of_the_jobs_will_be(
    spans: RunSpans, tracing: InMemoryTracing
) -> None:
    run = run_in(Phase.GENERATING)
    with spans.dispatching(run, [chunk_job(run, index) for index in range(3)]):
        tracing.call("mongodb", "insert", "jobs", 0.1, failed=False)
    with spans.dispatching(run, [chunk_job(run, index) for index in range(1, 3)]):
        tracing.call("mongodb", "insert", "jobs", 0.1, failed=False)
    (span,) = tracing.spans
    assert (span.title, span.calls) == ("dispatch", ["mongodb insert jobs"])
    assert span.attributes["pedidos.jobs"] == 3


def test_a_run_without_a_trace_says_nothing(spans: RunSpans, tracing: InMemoryTracing) -> None:
    run = replace(run_in(Phase.GENERATING, Phase.DONE), trace=None)
    spans.entered(run)
    with spans.dispatching(run, [chunk_job(run, 0)]):
        pass
    assert tracing.spans == []
