"""The run engine: one idempotent step of the active run, again and again.

A step reads what has settled, creates what is due, rings, and moves the phase when its time
has come. It may be called at any time, by any leader; all it needs is rebuilt from the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import structlog

from pedidos_common.domain.correlation import ids_of_run
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job, JobStatus, NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.pipeline import Limits, Step, next_step
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, Run, RunTrigger, advance
from pedidos_common.ports import (
    STATUS_TOPIC,
    Bell,
    Events,
    JobFilter,
    JobLedger,
    LogGathering,
    OrderStore,
    QueueState,
    RunStore,
    Tracing,
    Transport,
    Untraced,
)
from pedidos_orchestrator.engine.abort import abort_run
from pedidos_orchestrator.engine.recount import read_final_view, read_view
from pedidos_orchestrator.engine.run_progress import Progress, final_figures, live_figures
from pedidos_orchestrator.engine.run_spans import RunSpans
from pedidos_orchestrator.engine.stall import StallWatch
from pedidos_orchestrator.job_states import WAITING, kinds

log = structlog.get_logger(__name__)
LOOK_AT_ONCE = 1_000
PROJECT_SECONDS = 0.25


class Pace(Enum):
    """When the next step is due: there is no run; at a call or a poll; at once."""

    IDLE = auto()
    WAITING = auto()
    AT_ONCE = auto()


@dataclass(frozen=True, slots=True)
class EnginePorts:
    """What the engine acts on."""

    runs: RunStore
    ledger: JobLedger
    orders: OrderStore
    transport: Transport
    events: Events
    queue_state: QueueState
    logs: LogGathering
    tracing: Tracing = field(default_factory=Untraced)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How patient the engine is, and how much work it lets be open at once."""

    stall_seconds: float
    limits: Limits
    progress_log_seconds: float = 5.0


class RunEngine:
    """Steps the active run, whoever leads; `step` is all there is to it."""

    def __init__(
        self,
        ports: EnginePorts,
        settings: EngineSettings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports, self._settings, self._monotonic = ports, settings, monotonic
        self._view: RunView | None = None
        self._view_epoch = -1
        self._progress, self._stall = Progress(), self._new_stall_watch()
        self._projected_at = self._logged_at = float("-inf")
        self._looked_at = 0
        self._spans = RunSpans(ports.tracing)

    def forget(self) -> None:
        """Drop what is known, so that the next step rebuilds it from the ledger."""
        self._view = None

    async def step(self, epoch: int) -> Pace:
        """Do what is due; when the next step is."""
        run = await self._ports.runs.active()
        if run is None:
            self._view = None
            return Pace.IDLE
        with structlog.contextvars.bound_contextvars(**ids_of_run(run)):
            return await self._step(run, epoch)

    async def _step(self, run: Run, epoch: int) -> Pace:
        if run.abort is not None:
            await self._abort(run, epoch)
            return Pace.WAITING
        view = await self._view_of(run, epoch)
        more = await self._absorb(run, view)
        due = next_step(run.phase, view, self._settings.limits)
        await self._create(view, due.jobs)
        if due.trigger is not None:
            more = await self._move(run, view, due, epoch)
        else:
            await self._watch(run, view, epoch)
        return Pace.AT_ONCE if more or due.more else Pace.WAITING

    # -- what is known

    async def _view_of(self, run: Run, epoch: int) -> RunView:
        known = self._view
        present = (run.id, run.resumes, epoch)
        if known is not None and (known.run.id, known.run.resumes, self._view_epoch) == present:
            known.run = run
            return known
        view = await read_view(run, self._ports.ledger)
        self._view, self._view_epoch, self._looked_at = view, epoch, 0
        self._progress, self._stall = Progress(), self._new_stall_watch()
        log.info("run_view_built", runId=run.scope, settled=view.settled, epoch=epoch)
        return view

    def _new_stall_watch(self) -> StallWatch:
        return StallWatch(
            self._ports.orders,
            self._ports.queue_state,
            self._settings.stall_seconds,
            self._monotonic(),
        )

    async def _absorb(self, run: Run, view: RunView) -> bool:
        """Take note of what has settled, a part at a time; whether to go on at once."""
        ids = view.outstanding.slice(self._looked_at, LOOK_AT_ONCE)
        is_last = len(ids) < LOOK_AT_ONCE
        settled = await self._ports.ledger.settled_among(ids) if ids else []
        for job in settled:
            view.absorb(job)
        # those that are still open stand before the next part
        still = sum(job_id in view.outstanding for job_id in ids)
        self._looked_at = 0 if is_last else self._looked_at + still
        if any(job.status is JobStatus.CANCELLED for job in settled):
            # left from before a resume: the run needs them after all
            await self._ring(await self._ports.ledger.resume_scope(run.scope, ()))
        return bool(settled) and not is_last

    # -- what is due

    async def _create(self, view: RunView, jobs: Sequence[NewJob]) -> None:
        if not jobs:
            return
        for job in jobs:
            view.note_open(job.id, job.payload)
        with self._spans.dispatching(view.run, jobs):
            bells = await self._ports.ledger.create(jobs)
            if any(job.payload.get("priority") == "VIP" for job in jobs):
                self._progress.note_vip_enqueued(self._monotonic())
            await self._ring(bells)

    async def _ring(self, bells: Sequence[Bell]) -> None:
        try:
            await self._ports.transport.ring(bells)
        except Unavailable as error:  # the reconciler rings again
            log.warning("rings_lost", count=len(bells), error=str(error)[:200])

    async def _move(self, run: Run, view: RunView, due: Step, epoch: int) -> bool:
        """Enter the next phase; False when it has moved meanwhile, or another leads."""
        if due.trigger is None:
            return False
        phase = advance(run.phase, due.trigger)
        fields: dict[str, Any] = {"error": due.reason} if due.reason else {}
        live = self._live(run, view, await self._started(view), phase is Phase.DONE)
        fields["live"] = live
        if phase in {Phase.DONE, Phase.ERROR}:
            now = await self._ports.runs.project(run.id, live, epoch)
            if now is None:
                return False
            fields |= final_figures(run, live, now)
        moved = await self._ports.runs.move(run, phase, epoch, fields)
        if moved is None:
            return False
        self._spans.entered(moved)
        log.info("phase_entered", runId=run.scope, phase=phase, reason=due.reason)
        await self._ports.events.publish(STATUS_TOPIC)
        return True

    async def _abort(self, run: Run, epoch: int) -> None:
        ports = self._ports
        cancelled = await abort_run(
            run, ports.runs, ports.ledger, ports.orders, ports.transport, ports.logs
        )
        if cancelled is None:
            return
        view = await read_final_view(run, ports.ledger, ports.orders)
        live = self._live(run, view, (), all_settled=True)
        now = await ports.runs.project(run.id, live, epoch)
        if now is None:
            return
        fields = {"cancelled": cancelled, "live": live, **final_figures(run, live, now)}
        moved = await ports.runs.move(run, advance(run.phase, RunTrigger.CANCEL), epoch, fields)
        if moved is not None:
            self._spans.entered(moved)
        log.info("run_cancelled", runId=run.scope, deleted=cancelled["deletedPending"])
        await ports.events.publish(STATUS_TOPIC)

    # -- what is seen

    async def _watch(self, run: Run, view: RunView, epoch: int) -> None:
        now = self._monotonic()
        if now - self._projected_at < PROJECT_SECONDS:
            return
        self._projected_at = now
        started = await self._started(view)
        if await self._stall.is_stalled(view, started, now):
            silent = self._stall.silent_seconds(now)
            reason = f"no progress for {silent:.0f} s: {await self._cause_of_stall(run)}"
            await self._move(run, view, Step(trigger=RunTrigger.FAIL, reason=reason), epoch)
            return
        live = self._live(run, view, started)
        if await self._ports.runs.project(run.id, live, epoch) is not None:
            await self._ports.events.publish(STATUS_TOPIC)
        if now - self._logged_at >= self._settings.progress_log_seconds:
            self._logged_at = now
            self._log_progress(run, live)

    async def _cause_of_stall(self, run: Run) -> str:
        wanted = JobFilter(statuses=WAITING, scope=run.scope, refused=True)
        refused = (await self._ports.ledger.page(wanted, LOOK_AT_ONCE, None)).items
        if not refused:
            return "are workers and generators alive?"
        found = kinds(refused)
        return (
            f"no live worker understands {', '.join(found)}: start one of a newer release, or mend "
            f"what can't be read ({'; '.join(found.values())})"
        )

    async def _started(self, view: RunView) -> Sequence[Job]:
        """The oldest jobs that are running or retrying."""
        ids = view.outstanding.slice(0, LOOK_AT_ONCE)
        return await self._ports.ledger.started_among(ids) if ids else []

    def _live(
        self, run: Run, view: RunView, started: Sequence[Job], all_settled: bool = False
    ) -> dict[str, Any]:
        for job in started:
            if "priority" in job.payload:
                view.tallies[Priority(job.payload["priority"])].open_at(job.first_claimed_at)
        now = self._monotonic()
        figures = live_figures(run, view, self._progress, started, now, all_settled)
        return {**figures, "stalledMs": round(self._stall.silent_seconds(now) * 1000)}

    def _log_progress(self, run: Run, live: dict[str, Any]) -> None:
        log.info(
            "run_progressed",
            runId=run.scope,
            phase=run.phase,
            generated=live["generated"],
            vip=live["vip"]["processed"],
            normal=live["normal"]["processed"],
            failed=live["vip"]["failed"] + live["normal"]["failed"],
        )
