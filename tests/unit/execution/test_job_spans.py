"""Each run of a job is a span below what its job names, with what became of it."""

from __future__ import annotations

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pedidos_common.domain.errors import LeaseLost
from pedidos_common.domain.jobs import Failed, Job, Outcome, Retry, Succeeded
from pedidos_common.domain.tracing import span_id_of
from pedidos_common.execution.executor import Executor
from pedidos_common.execution.leases import HeldLeases
from pedidos_common.execution.registry import JobContext, JobFunction, table
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.testing.eventually import eventually
from pedidos_common.testing.in_memory_tracing import InMemoryTracing
from tests.unit.execution.test_executor import JOB, TRACE, Bench, Work

PARENT = "00f067aa0ba902b7"


async def run(work: Work, trace: str | None) -> InMemoryTracing:
    bench, tracing, held = Bench(work), InMemoryTracing(), HeldLeases(10.0)

    async def is_open(_scope: str) -> bool:
        return True

    executor = Executor(
        bench.ledger,
        table([JobFunction("work", work)]),
        held,
        ScopeGate(is_open),
        worker="w",
        slots=2,
        tracing=tracing,
    )
    await bench.create(trace=trace)
    await executor.deliver(JOB)
    await eventually(lambda: executor.busy == 0)
    return tracing


@pytest.mark.parametrize(
    ("outcome", "said", "error"),
    [
        (Succeeded(), "succeeded", None),
        (Failed("no good"), "failed", "no good"),
        (Retry("not yet", 1.0), "retry", "not yet"),
        (Retry("too new", 1.0, refused=True), "retry", None),
    ],
)
async def test_a_job_that_is_sampled_is_a_span_with_its_outcome(
    outcome: Outcome, said: str, error: str | None
) -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        return outcome

    (span,) = (await run(work, f"00-{TRACE}-{PARENT}-01")).spans
    assert (span.title, span.place.own.trace_id, span.place.parent_id) == ("work", TRACE, PARENT)
    assert span.place.own.span_id == span_id_of(f"{JOB}:1")
    assert (span.attributes["pedidos.outcome"], span.error) == (said, error)


async def test_a_job_that_is_not_sampled_is_a_span_only_where_it_failed() -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        return Succeeded()

    async def bad(_job: Job, _context: JobContext) -> Outcome:
        return Failed("no good")

    unsampled = f"00-{TRACE}-{PARENT}-00"
    assert (await run(work, unsampled)).spans == []
    assert (await run(work, None)).spans == []
    (span,) = (await run(bad, unsampled)).spans
    assert span.place.link is not None
    assert (span.place.link.span_id, span.error) == (PARENT, "no good")


async def test_a_job_whose_lease_is_lost_is_a_failed_span() -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        raise LeaseLost("another has it")

    (span,) = (await run(work, f"00-{TRACE}-{PARENT}-01")).spans
    assert span.error == "its lease was lost"


async def test_lines_of_a_job_carry_its_span() -> None:
    async def work(_job: Job, _context: JobContext) -> Outcome:
        raise ValueError("broken")

    with capture_logs([merge_contextvars]) as lines:
        (span,) = (await run(work, f"00-{TRACE}-{PARENT}-01")).spans
    (line,) = [line for line in lines if line["event"] == "job_function_raised"]
    assert (line["traceId"], line["spanId"]) == (TRACE, span.place.own.span_id)
