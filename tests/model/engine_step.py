"""One step of the product's run engine, over its in-memory stores."""

from __future__ import annotations

from dataclasses import replace

from pedidos_common.domain.jobs import FINAL, Job, JobStatus, NewJob
from pedidos_common.domain.pipeline import Limits
from pedidos_common.domain.run_jobs import chunk_job
from pedidos_common.domain.runs import Phase
from pedidos_common.testing.in_memory_controls import InMemoryQueueState
from pedidos_common.testing.in_memory_events import InMemoryEvents
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from pedidos_common.testing.in_memory_logs import InMemoryLogGathering
from pedidos_common.testing.in_memory_orders import InMemoryOrderStore
from pedidos_common.testing.in_memory_runs import InMemoryRunStore
from pedidos_common.testing.in_memory_transport import InMemoryTransport
from pedidos_orchestrator.engine.run_engine import EnginePorts, EngineSettings, RunEngine
from tests.model.server import NOW
from tests.model.small_run import BATCHES, JOBS, RUN, result_of


def engine_step(
    phase: Phase, standing: tuple[JobStatus | None, ...]
) -> tuple[frozenset[int], frozenset[int], Phase]:
    """Jobs that a step creates, jobs that it rings, and the phase after it."""
    runs, ledger = InMemoryRunStore(lambda: NOW), InMemoryJobLedger(lambda: NOW)
    transport = InMemoryTransport()
    runs._runs[RUN.id] = replace(RUN, phase=phase)
    ledger._jobs = {job.id: job for job in _standing(standing)}
    before = set(ledger._jobs)
    engine = RunEngine(_engine_ports(runs, ledger, transport), EngineSettings(60.0, Limits()))
    result_of(engine.step(epoch=1))
    rung = {bell.job_id for bell in transport._held.values()}
    return _places(set(ledger._jobs) - before), _places(rung), runs._runs[RUN.id].phase


def _places(ids: set[str]) -> frozenset[int]:
    return frozenset(JOBS.index(job_id) for job_id in ids)


def _standing(standing: tuple[JobStatus | None, ...]) -> list[Job]:
    chunk = _job(chunk_job(RUN, 0), JobStatus.SUCCEEDED, {"vip": 2, "normal": 2})
    known = zip(BATCHES, standing, strict=True)
    done = {"processed": 1, "failed": 0}
    return [chunk, *(_job(new, s, done if s in FINAL else {}) for new, s in known if s is not None)]


def _job(new: NewJob, status: JobStatus, result: dict[str, int]) -> Job:
    return Job(
        new.id,
        new.function,
        new.queue,
        new.band,
        new.payload,
        status,
        NOW,
        new.scope,
        result=result,
    )


def _engine_ports(
    runs: InMemoryRunStore, ledger: InMemoryJobLedger, transport: InMemoryTransport
) -> EnginePorts:
    return EnginePorts(
        runs=runs,
        ledger=ledger,
        orders=InMemoryOrderStore(lambda: NOW),
        transport=transport,
        events=InMemoryEvents(),
        queue_state=InMemoryQueueState(),
        logs=InMemoryLogGathering(),
    )
