"""What goes wrong with rings."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.world.installation import Installation, happening, places


class BrokerTrouble(Installation):
    """Rings are lost, late, out of turn, repeated, forgotten."""

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
