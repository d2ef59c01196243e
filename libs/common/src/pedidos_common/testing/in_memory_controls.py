"""The queue's state, live processes, heartbeats and the leader's lease in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pedidos_common.ports import BeatReply, ProcessReport, ProcessSeen, QueueStates
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger


class InMemoryQueueState:
    """The queues' states in fields."""

    def __init__(self) -> None:
        self._state = "running"
        self._single: dict[str, str] = {}

    async def read(self) -> str:
        """See `ports.QueueState.read`."""
        return self._state

    async def write(self, state: str) -> None:
        """See `ports.QueueState.write`."""
        self._state = state

    async def read_all(self) -> QueueStates:
        """See `ports.QueueState.read_all`."""
        return QueueStates(self._state, dict(self._single))

    async def write_queue(self, queue: str, state: str) -> None:
        """See `ports.QueueState.write_queue`."""
        self._single[queue] = state


class InMemoryProcesses:
    """Processes in a dictionary; `seen` notes a heartbeat."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[ProcessReport, datetime]] = {}

    def seen(self, report: ProcessReport) -> None:
        """Note a heartbeat of this process, now."""
        self._seen[report.name] = (report, self._clock())

    def gone(self, name: str) -> None:
        """Forget the process at once."""
        self._seen.pop(name, None)

    async def live(self, within_seconds: float) -> Sequence[ProcessSeen]:
        """See `ports.Processes.live`."""
        now = self._clock()
        ages = [(report, at, (now - at).total_seconds()) for report, at in self._seen.values()]
        return [ProcessSeen(*seen) for seen in ages if seen[2] <= within_seconds]


class InMemoryLeaderLease:
    """The leader's lease in fields."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._holder: str | None = None
        self._renewed_at = clock()
        self._epoch = 0

    async def acquire(self, holder: str, lease_seconds: float) -> int | None:
        """See `ports.LeaderLease.acquire`."""
        expired = self._clock() - self._renewed_at > timedelta(seconds=lease_seconds)
        name = holder.rpartition("/")[0] or holder
        before = f"{name}/" <= (self._holder or "") < holder
        if self._holder not in {None, holder} and not expired and not before:
            return None
        if self._holder != holder:
            self._holder, self._epoch = holder, self._epoch + 1
        self._renewed_at = self._clock()
        return self._epoch

    async def release(self, holder: str) -> None:
        """See `ports.LeaderLease.release`."""
        if self._holder == holder:
            self._holder = None


class InMemoryLeaseKeeper:
    """Heartbeats that extend leases of an in-memory ledger."""

    def __init__(
        self,
        ledger: InMemoryJobLedger,
        processes: InMemoryProcesses,
        clock: Callable[[], datetime],
        lease_seconds: float = 10.0,
    ) -> None:
        self._ledger, self._processes, self._clock = ledger, processes, clock
        self._lease = timedelta(seconds=lease_seconds)

    def beat(self, process: ProcessReport, lease_ids: Mapping[str, str]) -> BeatReply:
        """See `ports.LeaseKeeper.beat`."""
        self._processes.seen(process)
        return BeatReply(self._clock() + self._lease, self._ledger.extend(lease_ids))

    def farewell(self, name: str) -> None:
        """See `ports.LeaseKeeper.farewell`."""
        self._processes.gone(name)
