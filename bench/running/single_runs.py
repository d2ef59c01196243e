"""One run of the pipeline on fresh servers of its own, with what each process used of what.

Servers of its own make the runs comparable (each starts from nothing), make the peaks of memory
those of this run, and let the other runs go on where one fails. A short run comes before the one
that is measured: what a process does once in its life is no cost of an order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from bench.running.database import PIPELINE_DATABASE
from bench.running.measure import ProcessUse, process_use, redis_peak_mib, server_versions
from bench.running.stack import (
    ROLES,
    SERVICES,
    RunningServices,
    ServerPair,
    process_ids,
    role_of,
    server_pair,
    services,
)
from bench.running.timed_run import FAILURES, timed_run
from bench.running.usage import Sample, UsageRecorder
from pedidos_cli.audit import audit_run

# How a run is said to have ended where nothing is to be said against it.
WELL = "DONE, audit passed"
WARM_UP = 10_000
_Uses = Mapping[str, tuple[int, ProcessUse]]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run: numbers of orders and processes; `environment` are settings of the services.

    `warm_up` is the size of the run before, 0 for none.
    """

    quantity: int
    seed: int = 7
    generators: int = 2
    workers: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)
    warm_up: int = WARM_UP

    def settings(self) -> Mapping[str, str]:
        """The services' environment, under which a run of this size is taken."""
        return {"MAX_ORDERS": str(max(self.quantity, 1_500_000)), **self.environment}


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run as it was seen from outside.

    `ended` says how, in a word where it went well (`DONE`); `cpu_seconds` are from start to end,
    by role, over all processes of the role; `peak_mib` is the largest process of the role, Redis'
    own account of its memory for `redis`.
    """

    quantity: int
    ended: str
    audit_passed: bool = False
    seconds: float = 0.0
    status_p99_ms: float = 0.0
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    peak_mib: Mapping[str, float | None] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()

    @property
    def well(self) -> bool:
        """Whether it ended DONE, and its audit passed."""
        return self.ended == "DONE" and self.audit_passed

    def per_100k(self, *roles: str) -> float:
        """CPU seconds that these roles used for each 100,000 orders."""
        return sum(self.cpu_seconds[role] for role in roles) * 100_000 / self.quantity


def do_nothing() -> None:
    """What there is to do before a run where nothing is said."""


def run_alone(
    plan: RunPlan, just_before: Callable[[], object] = do_nothing
) -> tuple[RunFigures, Mapping[str, str]]:
    """Start servers and services, take one run through them, stop them all.

    `just_before` is called once they are warm.

    Returns:
        the run's figures, which say in `ended` what went wrong where they are missing, and the
        versions of the servers by their names (nothing where they did not start).
    """
    with tempfile.TemporaryDirectory(prefix="pedidos-bench-") as folder:
        versions: Mapping[str, str] = {}
        try:
            with server_pair(Path(folder)) as servers:
                versions = server_versions(servers.mongo_uri, servers.redis_url)
                figures = run_on(servers, Path(folder) / "services", plan, just_before)
                return figures, versions
        except FAILURES as problem:
            ended = f"{type(problem).__name__}: {problem}"
            return RunFigures(plan.quantity, ended), versions


def run_on(
    servers: ServerPair, folder: Path, plan: RunPlan, just_before: Callable[[], object] = do_nothing
) -> RunFigures:
    """Take one run through services on these servers; `folder` is for what they leave behind.

    Raises:
        Exception: one of `FAILURES`, where there is no end of the run to tell about.
    """
    with services(servers, folder, plan.generators, plan.workers, plan.settings()) as running:
        if plan.warm_up:
            timed_run(running, plan.warm_up, plan.seed)
        just_before()
        return run_in(running, servers, plan)


def run_in(running: RunningServices, servers: ServerPair, plan: RunPlan) -> RunFigures:
    """Take one run through services that are there.

    Raises:
        Exception: one of `FAILURES`, where there is no end of the run to tell about.
    """
    before = _uses(running, servers)
    recorder = UsageRecorder({name: pid for name, (pid, _) in before.items()})
    run_id, seconds, p99_ms = timed_run(running, plan.quantity, plan.seed, recorder.note)
    after = _uses(running, servers)
    verdict = audit_run(servers.mongo_uri, PIPELINE_DATABASE, run_id)
    return RunFigures(
        quantity=plan.quantity,
        ended=_phase(servers, run_id),
        audit_passed=verdict.passed,
        seconds=round(seconds, 3),
        status_p99_ms=p99_ms,
        cpu_seconds={role: _cpu_seconds(role, before, after) for role in ROLES},
        peak_mib={role: _peak(role, after) for role in (*SERVICES, "mongod")}
        | {"redis": redis_peak_mib(servers.redis_url)},
        samples=recorder.samples(),
    )


def _uses(running: RunningServices, servers: ServerPair) -> dict[str, tuple[int, ProcessUse]]:
    """By the process' name: its id, and what it has used."""
    pids = process_ids(servers, running)
    return {name: (pid, process_use(name, pid)) for name, pid in pids.items()}


def _cpu_seconds(role: str, before: _Uses, after: _Uses) -> float:
    """A process that was started again meanwhile counts from its start."""
    used = 0.0
    for name, (pid, use) in after.items():
        if role_of(name) == role:
            earlier_pid, earlier = before[name]
            used += use.cpu_seconds - (earlier.cpu_seconds if earlier_pid == pid else 0.0)
    return round(used, 2)


def _peak(role: str, uses: _Uses) -> float | None:
    peaks = [use.peak_mib for name, (_, use) in uses.items() if role_of(name) == role]
    return max((peak for peak in peaks if peak is not None), default=None)


def _phase(servers: ServerPair, run_id: str) -> str:
    with MongoClient[dict[str, Any]](servers.mongo_uri) as client:
        run = client[PIPELINE_DATABASE].process_runs.find_one({"_id": run_id}) or {}
    return str(run.get("phase", "the run is not stored"))
