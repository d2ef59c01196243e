"""Rounds as the bench might measure them."""

from __future__ import annotations

from bench.paired.bare_loop import BareTimes
from bench.paired.figures import Round
from bench.paired.rounds import BareResult, PipelineResult
from bench.paired.run_facts import RunFacts
from bench.running.measure import ProcessUse
from bench.running.usage import Sample

QUANTITY = 200_000


def a_round(
    seconds: float = 3.0, bare_seconds: float = 2.0, worker_cpu: float = 0.6, phase: str = "DONE"
) -> Round:
    piped = PipelineResult(
        phase=phase,
        audit_passed=True,
        outside_seconds=seconds,
        server_seconds=seconds - 0.1,
        phases={"GENERATING": 1.0, "WAITING_NORMAL_DRAIN": 1.5},
        processes=(
            ProcessUse("orchestrator 0", 80.0, 0.2),
            ProcessUse("generator 0", 90.0, 0.4),
            ProcessUse("generator 1", 95.5, 0.4),
            ProcessUse("worker 0", 70.0, worker_cpu),
            ProcessUse("supervisor", 55.0, 7.0),
        ),
        mongod_cpu_seconds=3.0,
        status_p99_ms=6.0,
        redis_cpu_seconds=0.1,
        stage_cpu={"generate": {"generator 0": 0.4, "mongod": 1.0}, "normal": {"mongod": 2.0}},
        samples=(
            Sample(0.0, "generate", {}, {"worker 0": 60.0}),
            Sample(0.3, "generate", {}, {"worker 0": 65.0}),
            Sample(0.8, "normal", {}, {"worker 0": 70.0}),
        ),
        facts=RunFacts(45.0, 300.0),
        loop_lags_ms={"worker 0": 12.5},
    )
    third = bare_seconds / 3
    bare = BareTimes(
        third,
        third,
        third,
        (ProcessUse("bare loop 0", 60.0, 0.3), ProcessUse("bare loop 1", 60.0, 0.4)),
        {"generate": {"mongod": 0.5, "bare loop 0": 0.3}},
    )
    return Round(QUANTITY, piped, BareResult(bare, 2.4))
