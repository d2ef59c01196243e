"""The ids that join the log lines of all services: `runId`, `jobId` and `traceId`."""

from __future__ import annotations

from pedidos_common.domain.jobs import Job
from pedidos_common.domain.runs import Run

TRACE_ID_DIGITS = 32


def ids_of_job(job: Job) -> dict[str, str]:
    """What lines about a job carry."""
    return _known(jobId=job.id, runId=job.scope, traceId=trace_id_of(job.trace))


def ids_of_run(run: Run) -> dict[str, str]:
    """What lines about a run carry."""
    return _known(runId=run.scope, traceId=trace_id_of(run.trace))


def ids_of_trace(trace_id: str) -> dict[str, str]:
    """What lines about a request carry; its trace id has 32 hex digits."""
    return _known(traceId=trace_id)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id (32 hex digits) in a W3C `traceparent`, or None where there is none."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == TRACE_ID_DIGITS else None


def _known(**ids: str | None) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}
