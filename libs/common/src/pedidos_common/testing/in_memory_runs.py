"""Runs in memory, with the guarantees of `ports.RunStore`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pedidos_common.domain.errors import InvalidTransition, ResetInProgress, RunAlreadyActive
from pedidos_common.domain.runs import (
    AbortRequest,
    Phase,
    PhaseChange,
    Run,
    RunTrigger,
    advance,
)
from pedidos_common.ports import Expired, Page

RUN_FIELDS = frozenset({"live", "abort", "error", "receipt", "cancelled"})


class InMemoryRunStore:
    """Runs in a dictionary; `clock` is the server's time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._runs: dict[UUID, Run] = {}
        self._epochs: dict[UUID, int] = {}
        self._hidden: set[UUID] = set()
        self._activations: list[UUID] = []
        self._hold: tuple[str, datetime] | None = None  # whose reset's, and until when

    async def now(self) -> datetime:
        """See `ports.RunStore.now`."""
        return self._clock()

    async def start(self, run: Run) -> Run:
        """See `ports.RunStore.start`."""
        await self._refuse_second()
        self._activations.append(run.id)
        idle = replace(run, phase=Phase.IDLE, created_at=self._clock(), history=())
        return self._enter(idle, advance(Phase.IDLE, RunTrigger.START), {})

    async def _refuse_second(self) -> None:
        active = await self.active()
        if active is not None:
            raise RunAlreadyActive(str(active.id))
        if self._hold is not None and self._clock() <= self._hold[1]:
            raise ResetInProgress
        self._hold = None

    def _enter(self, run: Run, phase: Phase, fields: Mapping[str, Any]) -> Run:
        now = self._clock()
        entered = replace(
            run,
            phase=phase,
            history=(*run.history, PhaseChange(phase, now)),
            updated_at=now,
            figures={**run.figures, **{k: v for k, v in fields.items() if k not in RUN_FIELDS}},
            **{name: value for name, value in fields.items() if name in RUN_FIELDS},
        )
        self._runs[run.id] = entered
        return entered

    async def get(self, run_id: UUID) -> Run | None:
        """See `ports.RunStore.get`."""
        return self._runs.get(run_id)

    async def active(self) -> Run | None:
        """See `ports.RunStore.active`."""
        return next((run for run in self._runs.values() if run.active), None)

    def _newest_first(self) -> list[Run]:
        return [self._runs[run_id] for run_id in sorted(self._runs, reverse=True)]

    async def current(self) -> Run | None:
        """See `ports.RunStore.current`."""
        seen = (run_id for run_id in reversed(self._activations) if run_id not in self._hidden)
        return self._runs.get(next(seen, UUID(int=0)))

    async def page(self, limit: int, cursor: str | None) -> Page[Run]:
        """See `ports.RunStore.page`."""
        rest = [run for run in self._newest_first() if cursor is None or run.scope < cursor]
        return Page(rest[:limit], rest[limit - 1].scope if len(rest) > limit else None)

    def _fenced(self, run_id: UUID, epoch: int) -> bool:
        if run_id not in self._runs or self._epochs.get(run_id, 0) > epoch:
            return False
        self._epochs[run_id] = epoch
        return True

    async def importing(self, import_id: str) -> Run | None:
        """See `ports.RunStore.importing`."""
        mine = (run for run in self._runs.values() if run.plan.import_id == import_id)
        return next(mine, None)

    async def move(
        self, run: Run, to: Phase, epoch: int, fields: Mapping[str, Any] | None = None
    ) -> Run | None:
        """See `ports.RunStore.move`."""
        stored = self._runs.get(run.id)
        if stored is None or stored.phase is not run.phase or not self._fenced(run.id, epoch):
            return None
        return self._enter(stored, to, fields or {})

    async def project(self, run_id: UUID, live: Mapping[str, Any], epoch: int) -> datetime | None:
        """See `ports.RunStore.project`."""
        if not self._fenced(run_id, epoch):
            return None
        now = self._clock()
        self._runs[run_id] = replace(self._runs[run_id], live=dict(live), updated_at=now)
        return now

    async def annotate(self, run_id: UUID, fields: Mapping[str, Any]) -> None:
        """See `ports.RunStore.annotate`."""
        run = self._runs.get(run_id)
        if run is not None:
            known = {name: value for name, value in fields.items() if name in RUN_FIELDS}
            flat = {name: value for name, value in fields.items() if name not in RUN_FIELDS}
            self._runs[run_id] = replace(run, figures={**run.figures, **flat}, **known)

    async def mark_expired(self, what: Expired, before: UUID) -> None:
        """See `ports.RunStore.mark_expired`."""
        for run in self._runs.values():
            if run.id < before and not run.active and what not in run.figures:
                self._runs[run.id] = replace(run, figures={**run.figures, what: self._clock()})

    async def request_abort(self, run_id: UUID, abort: AbortRequest) -> bool:
        """See `ports.RunStore.request_abort`."""
        run = self._runs.get(run_id)
        if run is None or not run.active:
            return False
        self._runs[run_id] = replace(run, abort=abort)
        return True

    async def resume(self, run_id: UUID) -> Run:
        """See `ports.RunStore.resume`."""
        run = self._runs.get(run_id)
        if run is None or not run.resumable:
            raise InvalidTransition(run.phase if run else "unknown", RunTrigger.RESUME)
        await self._refuse_second()
        self._activations.append(run_id)
        cleared = replace(run, resumes=run.resumes + 1)
        nothing = dict.fromkeys(("abort", "error", "cancelled", "receipt"))
        return self._enter(cleared, advance(run.phase, RunTrigger.RESUME), nothing)

    async def is_open(self, scope: str) -> bool:
        """See `ports.RunStore.is_open`."""
        active = await self.active()
        return active is not None and active.scope == scope and active.abort is None

    async def forget(self, history: bool) -> None:
        """See `ports.RunStore.forget`."""
        over = [run.id for run in self._runs.values() if not run.active]
        self._hidden.update(over)
        for run_id in over:
            self._runs[run_id] = replace(self._runs[run_id], hidden=True)
            if history:
                del self._runs[run_id]

    async def hold_for_reset(self, owner: str, seconds: float) -> None:
        """See `ports.RunStore.hold_for_reset`."""
        if not await self.renew_reset(owner, seconds):
            await self._refuse_second()
            self._hold = (owner, self._clock() + timedelta(seconds=seconds))

    async def renew_reset(self, owner: str, seconds: float) -> bool:
        """See `ports.RunStore.renew_reset`."""
        if self._hold is None or self._hold[0] != owner:
            return False
        self._hold = (owner, self._clock() + timedelta(seconds=seconds))
        return True

    async def release_reset(self, owner: str) -> None:
        """See `ports.RunStore.release_reset`."""
        if self._hold is not None and self._hold[0] == owner:
            self._hold = None
