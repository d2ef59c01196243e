"""Random lives of a small world: crashes, losses, repeats, cancels, leaders that come and go."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from tests.world.broker_trouble import BrokerTrouble
from tests.world.ending import end_well
from tests.world.installation import HAPPENINGS, Opens, happening
from tests.world.process_trouble import ProcessTrouble
from tests.world.progress import progress
from tests.world.small_world import LEASE_SECONDS

plans = st.tuples(st.integers(8, 30), st.integers(3, 12), st.integers(1, 5))
RUNS = 3


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


class Life(BrokerTrouble, ProcessTrouble):
    """All that can happen, what always holds, and how it ends."""

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
