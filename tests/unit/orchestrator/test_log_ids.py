"""Log lines of all services join by the same three keys."""

from __future__ import annotations

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pedidos_common.domain.correlation import trace_id_of
from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.runs import Phase, Plan, Run
from tests.unit.orchestrator.world import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OTHER_KEYS = {"run_id", "job_id", "trace_id", "traceparent"}


async def _traced_run(world: World) -> Run:
    milliseconds = int(world.clock().timestamp() * 1000)
    plan = Plan(20, 10, 3, 6, seed=1, generator_version=1)
    run_id = new_run_id(milliseconds, 1)
    run = Run(run_id, plan, Phase.IDLE, world.clock(), trace=TRACEPARENT)
    return await world.runs.start(run)


async def test_engine_and_workers_say_the_same_run_and_trace() -> None:
    world = World()
    with capture_logs([merge_contextvars]) as lines:
        run = await _traced_run(world)
        await world.play()
    of_engine = [line for line in lines if line["event"] == "phase_entered"]
    of_workers = [line for line in lines if line["event"] == "job_settled"]
    assert of_engine
    assert of_workers
    for line in of_engine + of_workers:
        assert (line["runId"], line["traceId"]) == (run.scope, TRACE), line
    assert all(line["jobId"] for line in of_workers)
    assert [line for line in lines if OTHER_KEYS & set(line)] == []


@pytest.mark.parametrize("text", [None, "", "x", "00-abc-def-01", TRACE])
def test_what_is_no_traceparent_has_no_trace_id(text: str | None) -> None:
    assert trace_id_of(text) is None


def test_a_traceparent_holds_its_trace_id() -> None:
    assert trace_id_of(TRACEPARENT) == TRACE
