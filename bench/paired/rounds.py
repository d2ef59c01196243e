"""One round of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.paired.bare_loop import BareTask, BareTimes, run_bare_loop
from bench.paired.layout import Layout, check_same, create_orders, layout_of
from bench.paired.run_facts import RunFacts, facts_of, loop_lags_ms, phase_seconds
from bench.running.database import CODEC, PIPELINE_DATABASE, dropped, pipeline_database
from bench.running.measure import ProcessUse, process_use
from bench.running.stack import (
    SERVICES,
    RunningServices,
    ServerPair,
    process_ids,
    role_of,
    services,
)
from bench.running.timed_run import timed_run
from bench.running.usage import Sample, UsageRecorder, cpu_by_stage
from pedidos_cli.audit import audit_run

BARE_DATABASE = "bare"
CLIENTS = (*SERVICES, "redis")


@dataclass(frozen=True, slots=True)
class Settings:
    """What every round does; `prebuilt` keeps building documents out of the bare loop's time."""

    quantity: int
    seed: int
    generators: int
    workers: int
    prebuilt: bool


@dataclass(frozen=True, slots=True)
class BareResult:
    """One bare loop."""

    times: BareTimes
    mongod_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """One run. `server_seconds` is start to DONE on MongoDB's clock, `outside_seconds` by ours.

    `status_p99_ms` is what 99% of `GET /pedidos` stayed below, asked 20 times a second meanwhile.
    `stage_cpu` has CPU seconds by stage and process, mongod's and Redis' too; `loop_lags_ms` how
    late the event loops were, where metrics tell.
    """

    phase: str
    audit_passed: bool
    outside_seconds: float
    server_seconds: float
    phases: Mapping[str, float]
    processes: tuple[ProcessUse, ...]
    mongod_cpu_seconds: float
    status_p99_ms: float
    redis_cpu_seconds: float = 0.0
    stage_cpu: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    facts: RunFacts = field(default_factory=RunFacts)
    loop_lags_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def client_cpu_seconds(self) -> float:
        """Of generators, workers, orchestrator and Redis together."""
        clients = (one for one in self.processes if role_of(one.name) in CLIENTS)
        return sum(one.cpu_seconds for one in clients) + self.redis_cpu_seconds

    @property
    def well(self) -> bool:
        """Whether the run ended DONE and its audit passed."""
        return self.phase == "DONE" and self.audit_passed


@dataclass(frozen=True, slots=True)
class _Seen:
    """A run as it was seen from outside; `used` is in the order of `_pids`."""

    run_id: str
    seconds: float
    status_p99_ms: float
    used: list[ProcessUse]
    samples: tuple[Sample, ...]
    loop_lags_ms: Mapping[str, float]


def pipeline_round(
    servers: ServerPair, folder: Path, settings: Settings
) -> tuple[PipelineResult, Layout]:
    """Start the services, take one run through them, stop them."""
    with MongoClient[dict[str, Any]](servers.mongo_uri, tz_aware=True) as client:
        dropped(client, PIPELINE_DATABASE, BARE_DATABASE)
        database = pipeline_database(client)
        with services(servers, folder, settings.generators, settings.workers) as running:
            seen = _seen_run(running, servers, settings)
        run = database.process_runs.find_one({"_id": seen.run_id}) or {}
        verdict = audit_run(servers.mongo_uri, PIPELINE_DATABASE, seen.run_id)
        phases = phase_seconds(run)
        mongod, redis, *processes = seen.used
        result = PipelineResult(
            phase=run["phase"],
            audit_passed=verdict.passed,
            outside_seconds=round(seen.seconds, 3),
            server_seconds=round(sum(phases.values()), 3),
            phases=phases,
            processes=tuple(processes),
            mongod_cpu_seconds=mongod.cpu_seconds,
            status_p99_ms=seen.status_p99_ms,
            redis_cpu_seconds=redis.cpu_seconds,
            stage_cpu=cpu_by_stage(seen.samples),
            samples=seen.samples,
            facts=facts_of(database, run),
            loop_lags_ms=seen.loop_lags_ms,
        )
        return result, layout_of(database, run)


def _seen_run(running: RunningServices, servers: ServerPair, settings: Settings) -> _Seen:
    pids = _pids(running, servers)
    recorder = UsageRecorder(pids)
    before = _uses(running, servers)
    run_id, seconds, p99 = timed_run(running, settings.quantity, settings.seed, recorder.note)
    if _pids(running, servers) != pids:
        raise RuntimeError("a service died during the run and was started again")
    after = _uses(running, servers)
    lags = loop_lags_ms(running.processes())
    used = [now.since(then.cpu_seconds) for then, now in zip(before, after, strict=True)]
    return _Seen(run_id, seconds, p99, used, recorder.samples(), lags)


def bare_round(servers: ServerPair, layout: Layout, settings: Settings) -> BareResult:
    """The same orders in a fresh collection of the same layout, without any service."""
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        dropped(client, PIPELINE_DATABASE, BARE_DATABASE)
        database = client.get_database(BARE_DATABASE, codec_options=CODEC)
        create_orders(database, layout)
        task = BareTask(
            mongo_uri=servers.mongo_uri,
            database=BARE_DATABASE,
            run_id=layout.run_id,
            quantity=layout.plan["quantity"],
            chunk_size=layout.plan["chunkSize"],
            batch_size=layout.plan["batchSize"],
            seed=layout.plan["seed"],
            generator_version=layout.plan["generatorVersion"],
            created_at=layout.created_at,
            prebuilt=settings.prebuilt,
        )
        before = process_use("mongod", servers.mongod_pid).cpu_seconds
        times = run_bare_loop(task, lambda: process_use("", servers.mongod_pid).cpu_seconds)
        mongod = process_use("mongod", servers.mongod_pid).cpu_seconds - before
        check_same(database, layout, settings.quantity)
        return BareResult(times, round(mongod, 2))


def _pids(running: RunningServices, servers: ServerPair) -> dict[str, int]:
    """The servers' first, then the services', then who supervises these."""
    return {**process_ids(servers, running), "supervisor": running.supervisor_pid}


def _uses(running: RunningServices, servers: ServerPair) -> list[ProcessUse]:
    return [process_use(name, pid) for name, pid in _pids(running, servers).items()]
