"""The spans of a run: HTTP request → run → its phases, and chunk → batch; and which are recorded.

A run of a million orders has a hundred chunks and a thousand batches, and one of ten million ten
times as many. A trace that anyone can look at has some hundred spans, so a run's trace has a few
of its chunks, evenly spread, whole: each with a few of its batches. Which ones follows from the
plan alone. The jobs carry the decision in their `traceparent`, so no process decides again.
"""

from __future__ import annotations

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.runs import Phase, Run
from pedidos_common.domain.tracing import (
    SpanPlace,
    TraceContext,
    below,
    parse_traceparent,
    span_id_of,
)

CHUNKS_SEEN = 8
BATCHES_SEEN = 8


def run_place(run: Run) -> SpanPlace | None:
    """The run's own span, from its start or its last resume to its end."""
    request = parse_traceparent(run.trace)
    return below(request, f"{run.scope}:{run.resumes}") if request else None


def run_trace(run: Run) -> str | None:
    """The `traceparent` for what the run as a whole causes."""
    place = run_place(run)
    return place.own.traceparent if place else None


def phase_place(run: Run, phase: Phase) -> SpanPlace | None:
    """The span of a phase of the run."""
    place = run_place(run)
    return below(place.own, f"{run.scope}:{run.resumes}:{phase}") if place else None


def job_place(job: Job) -> SpanPlace | None:
    """The span of a job's run that is on now: each delivery of a job is one of its own."""
    parent = parse_traceparent(job.trace)
    return below(parent, _delivery(job.id, job.deliveries)) if parent else None


def chunk_trace(run: Run, index: int) -> str | None:
    """The `traceparent` for the job that writes chunk `index`: its parent is the run."""
    place = run_place(run)
    if place is None:
        return None
    return _passed_on(place.own, seen=_is_seen(index, run.plan.chunks, CHUNKS_SEEN))


def batch_trace(run: Run, chunk: int, index: int, chunk_job_id: str, deliveries: int) -> str | None:
    """The `traceparent` for the job of batch `index` of a chunk, whose span is the parent.

    `deliveries` is which delivery of the chunk's job wrote it.
    """
    place = run_place(run)
    if place is None:
        return None
    batches = -(-run.plan.chunk_size // run.plan.batch_size)
    parent = TraceContext(
        place.own.trace_id, span_id_of(_delivery(chunk_job_id, deliveries)), place.own.sampled
    )
    seen = _is_seen(chunk, run.plan.chunks, CHUNKS_SEEN) and _is_seen(index, batches, BATCHES_SEEN)
    return _passed_on(parent, seen=seen)


def _delivery(job_id: str, deliveries: int) -> str:
    return f"{job_id}:{deliveries}"


def _passed_on(parent: TraceContext, *, seen: bool) -> str:
    return TraceContext(parent.trace_id, parent.span_id, parent.sampled and seen).traceparent


def _is_seen(index: int, count: int, wanted: int) -> bool:
    """Whether `index` (from 0) is one of the at most `wanted` evenly spread among `count`."""
    return index % max(1, -(-count // wanted)) == 0
