"""Random lives of a small world: crashes, losses, repeats, cancels, leaders that come and go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ClassVar, TypeVar

from hypothesis import seed, settings
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
from pedidos_common.domain.runs import Run
from pedidos_worker.handlers import Answer, OrderHandler
from tests.world.ending import end_well
from tests.world.handlers import Scripted
from tests.world.progress import progress
from tests.world.seat import Seat
from tests.world.small_world import LEASE_SECONDS, SmallWorld
from tests.world.watched import Place
from tests.world.witness import Witness
from tests.world.worker import Trouble, Worker
from tests.world.zombie import overtaken

T = TypeVar("T")
Rule = Callable[..., bool | None]
Opens = Callable[[Callable[["Worker"], OrderHandler]], SmallWorld]
places = st.integers(0, 1_000)
plans = st.tuples(st.integers(8, 30), st.integers(3, 12), st.integers(1, 5))
RUNS = 3


def happening(**drawn: Any) -> Callable[[Rule], Any]:
    """A rule that is counted in `Life.reached`, unless it says False: nothing could happen."""

    def counted(method: Rule) -> Any:
        @wraps(method)
        def happens(self: Life, **given: Any) -> None:
            if method(self, **given) is not False:
                self.reached[method.__name__] += 1

        HAPPENINGS.append(method.__name__)
        made: Any = rule(**drawn)
        return made(happens)

    return counted


HAPPENINGS: list[str] = []


def live(
    opens: Opens, chosen: settings, loop: asyncio.AbstractEventLoop, seeded: int | None = None
) -> Counter[str]:
    """Live as many lives as the settings say, on worlds that `opens` makes; what was reached.

    Raises:
        AssertionError: what did not hold, with the steps that led there.
    """

    class OneLife(Life):
        """Of this session alone."""

    OneLife.opens, OneLife.loop, OneLife.reached = staticmethod(opens), loop, Counter()
    one_life = OneLife if seeded is None else seed(seeded)(OneLife)
    with capture_logs():
        run_state_machine_as_test(one_life, settings=chosen)
    return OneLife.reached


def told(reached: Counter[str]) -> str:
    """What was lived, for the end of a session's output."""
    rules = sum(reached[name] > 0 for name in HAPPENINGS)
    return (
        f"{reached['lives']} examples, {reached['steps']:,} steps, "
        f"{rules} of {len(HAPPENINGS)} kinds of them"
    )


class Life(RuleBasedStateMachine):
    """One small installation and at most three runs, one after the other.

    `live` says on what the world stands: `opens` makes one whose workers have a given handler.
    """

    reached: ClassVar[Counter[str]]
    loop: ClassVar[asyncio.AbstractEventLoop]
    opens: ClassVar[Opens]

    def __init__(self) -> None:
        super().__init__()
        self.reached["lives"] += 1
        self.tries: dict[int, int] = {}
        self.world = self.do(self._opened())
        self.witness = Witness(self.world)
        self.started: list[Run] = []
        self.seats: list[tuple[Seat, int]] = []
        self.late: list[str] = []

    async def _opened(self) -> SmallWorld:
        return type(self).opens(self._handler_of)  # inside the loop that it lives in

    def _handler_of(self, worker: Worker) -> OrderHandler:
        return Scripted(self._answer, lambda: worker.at(Place.MIDST))

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
        return bool(self.started) and self.current().resumable

    def worker(self, place: int) -> Worker:
        return self.world.workers[place % len(self.world.workers)]

    # -- what people do

    @initialize(share=st.sampled_from([0.0, 0.3, 0.6, 1.0]), plan=plans, steps=st.integers(0, 12))
    def begin(self, share: float, plan: tuple[int, int, int], steps: int) -> None:
        """A run, part of the way already: what goes wrong finds it in every phase."""
        self.world.vip_share = share
        self.do(self.world.seat.lead())
        self._start(plan)
        for _ in range(steps):
            self.do(self.world.part_of_a_turn(1))

    @precondition(lambda self: not self.is_active() and len(self.started) < RUNS)
    @happening(plan=plans)
    def start(self, plan: tuple[int, int, int]) -> None:
        self._start(plan)

    def _start(self, plan: tuple[int, int, int]) -> None:
        self.do(self.world.wait(1.0))
        self.started.append(self.do(self.world.start(*plan, group=5)))

    @precondition(lambda self: self.is_active())
    @happening(remove=st.sampled_from([False, False, True]))
    def cancel(self, remove: bool) -> None:
        self.do(self.world.cancel(remove_pending=remove))

    @precondition(lambda self: self.can_resume())
    @happening()
    def resume(self) -> None:
        self.do(self.world.resume(self.current()))

    @happening(state=st.sampled_from(["running", "running", "paused", "closed"]))
    def set_queue(self, state: str) -> None:
        self.do(self.world.queue_state.write(state))

    # -- what goes on

    @happening(times=st.integers(1, 6))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.do(self.world.seat.step())

    @happening()
    def repair(self) -> None:
        self.do(self.world.seat.repair())

    @happening()
    def settle_aftermath(self) -> None:
        self.do(self.world.seat.aftermath.settle())

    @happening()
    def deliver_all(self) -> bool:
        return self.do(self.world.deliver()) > 0

    @happening(turns=st.integers(1, 5))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self.do(self.world.turn())

    @happening(rings=st.integers(0, 3), turns=st.integers(1, 3))
    def some_work_is_done(self, rings: int, turns: int) -> None:
        for _ in range(turns):
            self.do(self.world.part_of_a_turn(rings))

    @happening(seconds=st.sampled_from([0.3, 2.0, LEASE_SECONDS + 1]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.world.advance(seconds))

    @happening(holds=st.booleans())
    def work_slows_down(self, holds: bool) -> None:
        if holds:
            self.world.hold(lambda _job: True)
        else:
            self.world.let_go()
            self.do(self.world.quiet())

    @precondition(lambda self: self.is_active())
    @happening()
    def nothing_goes_wrong_for_a_while(self) -> None:
        """Then there is progress, within a bound."""
        self.do(progress(self.world, self.started[-1]))

    # -- what goes wrong with rings

    @happening(place=places)
    def a_ring_is_delivered_out_of_turn(self, place: int) -> bool:
        if self.world.free_worker() is None:
            return False
        job_id = self.do(self.world.lose_ring(place))
        return job_id is not None and self.do(self.world.hear(job_id))

    @happening(place=places)
    def a_ring_is_lost(self, place: int) -> bool:
        return self.do(self.world.lose_ring(place)) is not None

    @happening(place=places)
    def a_ring_is_held_up(self, place: int) -> bool:
        job_id = self.do(self.world.lose_ring(place))
        self.late += [job_id] if job_id else []
        return job_id is not None

    @precondition(lambda self: self.late)
    @happening(place=places)
    def a_late_ring_comes(self, place: int) -> bool:
        return self.do(self.world.hear(self.late.pop(place % len(self.late))))

    @happening()
    def the_broker_forgets(self) -> None:
        self.do(self.world.forget_rings())

    @happening(repeats=st.booleans())
    def rings_repeat(self, repeats: bool) -> None:
        self.world.rings_repeat = repeats

    @precondition(lambda self: self.started)
    @happening(place=places)
    def any_job_is_rung_once_more(self, place: int) -> bool:
        jobs = self.do(self.world.jobs(self.started[-1]))
        return bool(jobs) and self.do(self.world.hear(jobs[place % len(jobs)].id))

    # -- what goes wrong with processes

    @happening(place=places)
    def a_worker_crashes(self, place: int) -> None:
        self.do(self.world.crash(self.worker(place)))

    @happening(
        place=places, where=st.sampled_from(list(Place)), trouble=st.sampled_from(list(Trouble))
    )
    def a_worker_is_in_for_trouble(self, place: int, where: Place, trouble: Trouble) -> None:
        """In the middle of its next job it dies, or freezes to be a zombie later."""
        self.worker(place).troubles[where] = trouble

    @happening(place=places, where=st.sampled_from(list(Place)))
    def a_zombie_is_overtaken(self, place: int, where: Place) -> bool:
        """It froze in the middle of a job, and goes on while another has that job."""
        zombie, other = self.worker(place), self.worker(place + 1)
        return self.do(overtaken(self.world, zombie, other, where))

    @happening(place=places)
    def a_worker_freezes(self, place: int) -> None:
        self.worker(place).freeze()

    @precondition(lambda self: any(worker.frozen for worker in self.world.workers))
    @happening()
    def frozen_workers_go_on(self) -> None:
        for worker in self.world.workers:
            worker.thaw()
        self.do(self.world.quiet())

    @happening(resigns=st.booleans())
    def another_leads(self, resigns: bool) -> None:
        epoch = self.do(self.world.seat.lead())
        if epoch is not None:
            self.seats.append((self.world.seat, epoch))
        if resigns:
            self.do(self.world.seat.leadership.resign())
        self.world.seat = Seat(self.world, f"seat {len(self.seats)}")

    @precondition(lambda self: self.seats)
    @happening(place=places)
    def an_old_leader_still_acts(self, place: int) -> None:
        seat, epoch = self.seats[place % len(self.seats)]
        self.do(seat.engine.step(epoch))

    # -- what always holds

    @invariant()
    def all_holds(self) -> None:
        self.reached["steps"] += 1
        self.do(self.witness.look(self.started))

    # -- how it ends

    def teardown(self) -> None:
        try:
            if self.started:
                self.do(end_well(self.world, self.started[-1], self.witness))
        finally:
            self.do(self._close())

    async def _close(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.world.close()
