"""Random lives of the small world: crashes, losses, repeats, cancels, leaders that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from pedidos_common.domain.errors import PermanentOrderError
from pedidos_common.domain.jobs import JobStatus
from pedidos_common.domain.runs import PHASES, RESUMABLE, Phase, Run
from pedidos_worker.handlers import Answer
from tests.counted import COUNTED
from tests.unit.orchestrator.test_whole_runs import ended_well
from tests.unit.orchestrator.world import LEASE_SECONDS, Scripted, Seat, World

T = TypeVar("T")
FOLLOWS = {(before, after) for (before, _), after in PHASES.items()}
places = st.integers(0, 1_000)


class Life(RuleBasedStateMachine):
    """One small installation and at most three runs, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.tries: dict[int, int] = {}
        self.world = World(handler_for=lambda _worker: Scripted(self._answer))
        self.started: list[Run] = []
        self.seats: list[tuple[Seat, int]] = []
        self.final: dict[UUID, str] = {}

    def _answer(self, sequence: int) -> Answer:
        self.tries[sequence] = self.tries.get(sequence, 0) + 1
        if sequence % 11 == 5:
            return PermanentOrderError("blocked")
        return ValueError("away") if sequence % 5 == 2 and self.tries[sequence] % 2 else None

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def current(self) -> Run:
        return self.do(self.world.run(self.started[-1]))

    def is_active(self) -> bool:
        return bool(self.started) and self.current().active

    def can_resume(self) -> bool:
        if not self.started or self.current().phase not in RESUMABLE:
            return False
        return not (self.current().cancelled or {}).get("deletedPending")

    # -- what people do

    @initialize(share=st.sampled_from([0.0, 0.3, 1.0]))
    def begin(self, share: float) -> None:
        self.world.vip_share = share
        self.do(self.world.seat.lead())

    @precondition(lambda self: not self.is_active() and len(self.started) < 3)
    @rule(quantity=st.integers(1, 25), chunk=st.integers(3, 12), batch=st.integers(1, 6))
    def start(self, quantity: int, chunk: int, batch: int) -> None:
        self.world.clock.advance(1)
        self.started.append(self.do(self.world.start(quantity, chunk, batch, group=5)))

    @precondition(lambda self: self.is_active())
    @rule(remove=st.booleans())
    def cancel(self, remove: bool) -> None:
        self.do(self.world.cancel(remove_pending=remove))

    @precondition(lambda self: self.can_resume())
    @rule()
    def resume(self) -> None:
        self.do(self.world.resume(self.current()))

    @rule(state=st.sampled_from(["running", "running", "paused"]))
    def set_queue(self, state: str) -> None:
        self.do(self.world.queue_state.write(state))

    # -- what goes on

    @rule(times=st.integers(1, 6))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.do(self.world.seat.step())

    @rule()
    def repair(self) -> None:
        self.do(self.world.seat.repair())

    @rule()
    def settle_aftermath(self) -> None:
        self.do(self.world.seat.aftermath.settle())

    @rule()
    def deliver_all(self) -> None:
        self.do(self.world.deliver())

    @rule(turns=st.integers(1, 5))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.do(self.world.turn())

    @rule(seconds=st.sampled_from([0.3, 2.0, LEASE_SECONDS + 1]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.world.advance(seconds))

    @rule(holds=st.booleans())
    def work_slows_down(self, holds: bool) -> None:
        if holds:
            self.world.hold(lambda _job: True)
        else:
            self.world.let_go()
            self.do(self.world.quiet())

    # -- what goes wrong

    @rule(place=places)
    def a_ring_is_delivered_out_of_turn(self, place: int) -> None:
        if bell := self._take(place):
            worker = self.world.free_worker()
            if worker is not None:
                self.do(worker.executor.deliver(bell))
                self.do(self.world.quiet())

    @rule(place=places)
    def a_ring_is_lost(self, place: int) -> None:
        self._take(place)

    def _take(self, place: int) -> str | None:
        held = self.world.transport._held
        if not held:
            return None
        return held.pop(sorted(held)[place % len(held)]).job_id

    @rule()
    def the_broker_forgets(self) -> None:
        self.world.transport.forget_all()

    @rule(repeats=st.booleans())
    def rings_repeat(self, repeats: bool) -> None:
        self.world.transport.repeats = lambda _bell: repeats

    @precondition(lambda self: self.started)
    @rule(place=places)
    def any_job_is_rung_once_more(self, place: int) -> None:
        jobs = self.do(self.world.jobs(self.started[-1]))
        worker = self.world.free_worker()
        if jobs and worker is not None:
            self.do(worker.executor.deliver(jobs[place % len(jobs)].id))
            self.do(self.world.quiet())

    @rule(place=places)
    def a_worker_crashes(self, place: int) -> None:
        self.do(self.world.crash(self.world.workers[place % len(self.world.workers)]))

    @rule(place=places)
    def a_worker_freezes_and_comes_back(self, place: int) -> None:
        """Its heart stops for longer than its leases, while the others' hearts beat."""
        frozen = self.world.workers.pop(place % len(self.world.workers))
        self.do(self.world.advance(LEASE_SECONDS + 1))
        self.do(self.world.seat.repair())
        self.world.workers.append(frozen)
        self.do(self.world.quiet())

    @rule(resigns=st.booleans())
    def another_leads(self, resigns: bool) -> None:
        epoch = self.do(self.world.seat.lead())
        if epoch is not None:
            self.seats.append((self.world.seat, epoch))
        if resigns:
            self.do(self.world.seat.leadership.resign())
        self.world.seat = Seat(self.world, f"seat {len(self.seats)}")

    @precondition(lambda self: self.seats)
    @rule(place=places)
    def an_old_leader_still_acts(self, place: int) -> None:
        seat, epoch = self.seats[place % len(self.seats)]
        self.do(seat.engine.step(epoch))

    # -- what always holds

    @invariant()
    def no_normal_order_starts_before_the_last_vip_one(self) -> None:
        assert self.world.breaches == []

    @invariant()
    def one_valid_lease_a_job(self) -> None:
        holders: dict[str, int] = {}
        for worker in self.world.workers:
            for held in worker.held._held.values():
                job = self.do(self.world.ledger.get(held.job_id))
                if job is not None and job.lease is not None and job.lease.id == held.lease_id:
                    holders[held.job_id] = holders.get(held.job_id, 0) + 1
        assert set(holders.values()) <= {1}

    @invariant()
    def phases_follow_one_another(self) -> None:
        for run in self.started:
            phases = [change.phase for change in self.do(self.world.run(run)).history]
            assert set(pairwise(phases)) <= FOLLOWS

    @invariant()
    def what_is_final_stays_so(self) -> None:
        for record in self.world.orders._all():
            if record.order.id in self.final:
                assert record.status == self.final[record.order.id]
            elif record.status != "pendente":
                self.final[record.order.id] = str(record.status)

    @invariant()
    def every_accepted_order_is_somewhere(self) -> None:
        for run in self.started:
            counts = self.do(self.world.counts(run))
            deleted = int((self.do(self.world.run(run)).cancelled or {}).get("deletedPending", 0))
            chunks = [
                job
                for job in self.do(self.world.jobs(run, JobStatus.SUCCEEDED))
                if ":chunk:" in job.id
            ]
            written = sum(job.result["vip"] + job.result["normal"] for job in chunks)
            assert written <= counts.total + deleted <= run.plan.quantity

    # -- how it ends

    def teardown(self) -> None:
        try:
            self.do(self._end_well())
        finally:
            self.do(self._end_tasks())
            self.loop.close()

    async def _end_tasks(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _end_well(self) -> None:
        """Once nothing goes wrong any more, the newest run gets to its end."""
        if not self.started:
            return
        world = self.world
        world.let_go()
        world.transport.repeats = lambda _bell: False
        await world.queue_state.write("running")
        run = await world.play(seconds=1.0)
        if run.phase in RESUMABLE and not (run.cancelled or {}).get("deletedPending"):
            await world.resume(run)
            run = await world.play(seconds=1.0)
        if run.phase is Phase.DONE:
            await ended_well(world, run)
        assert run.phase in {Phase.DONE, Phase.ABORTED}
        await self._figures_fit(run)

    async def _figures_fit(self, run: Run) -> None:
        world = self.world
        await world.seat.aftermath.settle()
        run = await world.run(run)
        for lane, counts in (await world.statuses(run)).items():
            live = run.live[lane.lower()]
            assert (live["processed"], live["failed"]) == (counts.processado, counts.falhou)
        assert run.receipt is not None
        assert run.receipt["balanced"]


@pytest.mark.parametrize("part", range(2))
def test_whatever_happens_the_invariants_hold(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    lives = list[None]()

    class Counted(Life):
        def __init__(self) -> None:
            super().__init__()
            lives.append(None)

    chosen = settings(
        max_examples=25,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    with capture_logs():
        run_state_machine_as_test(Counted, settings=chosen)
    # two parts, so that they run side by side
    record_property(COUNTED, f"state machine, part {part + 1}: {len(lives)} examples")
