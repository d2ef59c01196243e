"""Which processes are alive, who leads, and whether work may be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What a process says of itself with each heartbeat."""

    name: str
    service: str
    host: str
    pid: int
    queues: Sequence[str] = ()
    slots: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A live process and when its last heartbeat arrived, by the database server's clock."""

    report: ProcessReport
    seen_at: datetime
    age_seconds: float


class Processes(Protocol):
    """Which processes are alive."""

    async def live(self, within_seconds: float) -> Sequence[ProcessSeen]:
        """Processes whose last heartbeat is at most that old."""
        ...


class LeaderLease(Protocol):
    """One holder at a time over all processes, with an epoch that only rises.

    A holder is `<process name>/<incarnation>`. A later incarnation of the same name is that process
    started again: it need not wait for the lease's end, and gets an epoch of its own, so that
    what is left of the earlier one is fenced like any other old leader.
    """

    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """Take or extend the lease; its epoch, or None while another holds it."""
        ...

    async def release(self, holder: str) -> None:
        """Give the lease up at once, if held."""
        ...


RUNNING, PAUSED, DRAINING, CLOSED = "running", "paused", "draining", "closed"


@dataclass(frozen=True, slots=True)
class QueueStates:
    """What may be done with each queue: the state of all together, and of single queues.

    `everything` is `running`, `paused` or `closed`. A queue that `single` names is `running`,
    `paused` or `draining`: its jobs go on, and nothing new is taken in from outside. A queue that
    it does not name is running.
    """

    everything: str = RUNNING
    single: Mapping[str, str] = field(default_factory=dict)

    def of(self, queue: str) -> str:
        """The queue's own state."""
        return self.single.get(queue, RUNNING)

    def is_worked(self, queue: str) -> bool:
        """Whether workers may take jobs of it."""
        return self.everything == RUNNING and self.of(queue) != PAUSED

    def takes_in(self, queue: str) -> bool:
        """Whether new work for it may be taken in from outside; while paused it waits."""
        return self.everything != CLOSED and self.of(queue) != DRAINING


class QueueState(Protocol):
    """Whether workers may take new jobs, of all queues and of single ones; durable."""

    async def read(self) -> str:
        """The present state of all queues together: `running`, `paused` or `closed`."""
        ...

    async def write(self, state: str) -> None:
        """Change the state of all queues together; each keeps its own."""
        ...

    async def read_all(self) -> QueueStates:
        """Every state, as of one moment, by one look."""
        ...

    async def write_queue(self, queue: str, state: str) -> None:
        """Change one queue's own state: `running`, `paused` or `draining`."""
        ...
