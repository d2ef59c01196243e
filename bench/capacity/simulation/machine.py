"""A machine whose cores are shared evenly by the threads that want to run."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count

from bench.capacity.simulation.clock import Clock, Permits, Process, Resume, Wait

# Ends that lie closer together than rounding can tell are one.
ROUNDING_SECONDS = 1e-12


class Machine:
    """`cores` for any number of threads; one thread never gets more than one core.

    All of them run equally fast at any moment, so each ends when the machine has given every
    thread as much as this one asked for: that moment is known when it starts.
    """

    def __init__(self, clock: Clock, cores: float) -> None:
        self._clock, self.cores = clock, cores
        self._ends: list[tuple[float, int, Resume]] = []
        self._numbers = count()
        self._given = self._at = 0.0
        self._plan_number = 0
        self.busy_seconds = 0.0

    def use(self, seconds: float) -> Wait:
        """Wait until a thread of its own has had so much processor time."""

        def begin(resume: Resume) -> None:
            self._account()
            heappush(self._ends, (self._given + seconds, next(self._numbers), resume))
            self._plan()

        return begin

    @property
    def _speed(self) -> float:
        return min(1.0, self.cores / len(self._ends)) if self._ends else 0.0

    def _account(self) -> None:
        given = (self._clock.now - self._at) * self._speed
        self.busy_seconds += given * len(self._ends)
        self._given, self._at = self._given + given, self._clock.now

    def _plan(self) -> None:
        """The plan that was made before is void: the threads are others now."""
        self._plan_number += 1
        number = self._plan_number
        if self._ends:
            left = max(0.0, self._ends[0][0] - self._given)
            self._clock.after(left / self._speed, lambda: self._end(number))

    def _end(self, number: int) -> None:
        if number != self._plan_number:
            return
        self._account()
        self._given = max(self._given, self._ends[0][0])
        while self._ends and self._ends[0][0] <= self._given + ROUNDING_SECONDS:
            self._clock.after(0.0, heappop(self._ends)[2])
        self._plan()


class PythonProcess:
    """One thread on a machine: what is to be done in it is done one after the other."""

    def __init__(self, clock: Clock, machine: Machine) -> None:
        self._machine, self._turn = machine, Permits(clock, 1)
        self.cpu_seconds = 0.0

    def run(self, seconds: float) -> Process:
        """Wait for the turn, then for so much processor time."""
        self.cpu_seconds += seconds
        yield self._turn.take()
        yield self._machine.use(seconds)
        self._turn.give_back()


class Store:
    """MongoDB: a thread for each operation, on one machine for each shard.

    `journal_seconds` is what a write waits for beside processor time before it is acknowledged.
    """

    def __init__(self, clock: Clock, shards: Sequence[Machine], journal_seconds: float) -> None:
        self._clock, self._shards = clock, shards
        self._journal_seconds = journal_seconds
        self.cpu_seconds = 0.0

    def write(self, seconds: float, place: int = 0) -> Process:
        """A durable write to the shard that has `place`, of so much processor time."""
        yield from self.read(seconds, place)
        yield self._clock.sleep(self._journal_seconds)

    def read(self, seconds: float, place: int = 0) -> Process:
        """An operation that writes nothing."""
        self.cpu_seconds += seconds
        yield self._shards[place % len(self._shards)].use(seconds)
