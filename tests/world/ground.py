"""What a small world stands on: stores in memory or on real servers, and their time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.world.worker import Worker


class Ground(ABC):
    """The ports, which a subclass sets, and what it does for the world in its own way."""

    runs: Any
    ledger: Any
    orders: Any
    leader_lease: Any
    queue_state: Any
    transport: Any
    events: Any
    logs: Any
    imports: Any

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds of the world, from some moment on."""

    @abstractmethod
    async def now(self) -> datetime:
        """The server's time."""

    @abstractmethod
    async def wait(self, seconds: float) -> None:
        """Let so much time pass."""

    @abstractmethod
    async def extend(
        self, worker: Worker, leases: Mapping[str, str]
    ) -> tuple[datetime, frozenset[str]]:
        """A worker's heartbeat: until when {lease id: job id} last now, and which are gone."""

    @abstractmethod
    async def take(self, queue: str) -> str | None:
        """The job of the queue's next ring, as a worker hears it; None where there is none."""

    @abstractmethod
    async def lose_ring(self, place: int) -> str | None:
        """Take away one of the rings that wait; its job."""

    @abstractmethod
    async def forget_rings(self) -> None:
        """The broker's loss of everything."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what it stands on."""

    @abstractmethod
    async def quiet(self) -> None:
        """Let everything happen that can without time passing; processes that die, die."""
