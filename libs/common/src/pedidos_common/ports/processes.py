"""Which processes are alive, who leads, and whether work may be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


class QueueState(Protocol):
    """Whether workers may take new jobs: `running`, `paused` or `closed`; durable."""

    async def read(self) -> str:
        """The present state."""
        ...

    async def write(self, state: str) -> None:
        """Change it."""
        ...
