"""What goes wrong with processes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.world.installation import Installation, happening, places
from tests.world.seat import Seat
from tests.world.watched import Place
from tests.world.worker import Trouble
from tests.world.zombie import overtaken


class ProcessTrouble(Installation):
    """Workers crash, freeze and come back as zombies; leaders come and go."""

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

    @happening(place=places, lives=st.booleans())
    def a_successor_takes_back(self, place: int, lives: bool) -> bool:
        """What a worker held goes to others, though it is only frozen where it `lives`."""
        worker = self.worker(place)
        if lives:
            worker.freeze()
        else:
            self.do(self.world.crash(worker))
        return self.do(self.world.take_back(worker.name)) > 0

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
