"""A discrete-event clock: processes are generators that yield what they wait for.

Forty lines of `heapq` and no library: of what simpy has, the model would use only its clock, since
the one part that is not simple, a machine whose cores are shared by whoever wants to run
(`machine.py`), is not in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from heapq import heappop, heappush
from itertools import count

Resume = Callable[[], None]
# Gets what goes on with the process, and sees to it that it is called once, later.
Wait = Callable[[Resume], None]
Process = Generator[Wait, None, None]


class Stuck(RuntimeError):
    """Nothing is left to happen, or the bound is reached, and the end has not come."""


class Clock:
    """Simulated seconds from 0, and what is to happen when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Resume]] = []
        self._numbers = count()

    def after(self, seconds: float, action: Resume) -> None:
        """Let something happen; what is due at the same moment happens in the order of asking."""
        heappush(self._events, (self.now + seconds, next(self._numbers), action))

    def sleep(self, seconds: float) -> Wait:
        """Wait for a time."""
        return lambda resume: self.after(seconds, resume)

    def start(self, process: Process) -> None:
        """Run a process from now on, beside the others."""

        def go_on() -> None:
            wait = next(process, None)
            if wait is not None:
                wait(go_on)

        self.after(0.0, go_on)

    def run(self, is_over: Callable[[], bool], limit_seconds: float) -> None:
        """Let time pass until it is over.

        Raises:
            Stuck: when that does not come within the limit of simulated seconds.
        """
        while not is_over():
            if not self._events or self._events[0][0] > limit_seconds:
                raise Stuck(f"the simulation is not over at {self.now:.1f} s and will not be")
            self.now, _, action = heappop(self._events)
            action()


class Permits:
    """A number of permits, given in the order of asking."""

    def __init__(self, clock: Clock, number: int) -> None:
        self._clock, self._free = clock, number
        self._waiting: deque[Resume] = deque()

    def take(self) -> Wait:
        """Wait for a permit."""
        return self._take

    def _take(self, resume: Resume) -> None:
        if self._free:
            self._free -= 1
            self._clock.after(0.0, resume)
        else:
            self._waiting.append(resume)

    def give_back(self) -> None:
        """Hand a permit on."""
        if self._waiting:
            self._clock.after(0.0, self._waiting.popleft())
        else:
            self._free += 1
