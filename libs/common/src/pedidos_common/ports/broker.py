"""The doorbell and the wake-up calls: what may get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pedidos_common.domain.jobs import Band
from pedidos_common.domain.queues import stands_by_age

ENGINE_TOPIC = "engine"  # something settled or was asked for: a step may be due
STATUS_TOPIC = "status"  # what watchers see has changed


@dataclass(frozen=True, slots=True)
class Bell:
    """One ring for one job: enough for a broker to wake a worker.

    `ahead_seconds` is the job's head start inside its band; where jobs stand by their age, that is
    in it too.
    """

    job_id: str
    queue: str
    band: Band
    ring: int
    ahead_seconds: float = field(default=0.0, compare=False)  # the same ring, however old by now

    @property
    def again(self) -> bool:
        """Whether the job was rung before."""
        return self.ring > 1

    @property
    def goes_first(self) -> bool:
        """Whether others of its band let it pass, as it was rung before and has no age here."""
        return self.again and not stands_by_age(self.queue)


class Transport(Protocol):
    """The doorbell. It may lose, repeat, delay or reorder rings: the ledger is the truth."""

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Wake a worker for each of these jobs.

        The lowest band goes first; inside it what `goes_first`, then first come, where a bell with
        a head start counts as rung that much earlier. A later ring of a job takes the place of the
        one before it, so that what waits long never piles up.
        """
        ...

    async def missing(self, bells: Sequence[Bell]) -> Sequence[Bell]:
        """Those bells that the broker does not hold (taken, lost or never rung)."""
        ...

    async def was_emptied(self) -> bool:
        """Whether the broker lost all that it held since this was last asked, by whomever.

        True too when it is asked for the first time. May miss a loss; says nothing of single rings.
        """
        ...

    async def receive(
        self,
        queue: str,
        free_slots: Callable[[], int],
        deliver: Callable[[str], Awaitable[None]],
        is_open: Callable[[], bool],
    ) -> None:
        """Deliver job ids of rings until cancelled.

        Never takes more rings than there are free slots, none while `is_open()` is false, and
        survives the broker's absence. A ring is gone from the broker once `deliver` returned.
        """
        ...

    async def purge(self, queue: str) -> int:
        """Forget every ring of the queue; how many."""
        ...

    async def depth(self, queue: str) -> int:
        """How many rings the broker holds for the queue."""
        ...


class Events(Protocol):
    """Wake-up calls between processes. They may get lost; whoever waits also polls."""

    async def publish(self, topic: str) -> None:
        """Wake whoever listens to the topic. Never raises: a lost call is only a delay."""
        ...

    def listen(self, topic: str) -> AsyncIterator[None]:
        """Yields once per (coalesced) call, until closed; survives the broker's absence."""
        ...

    async def close(self) -> None:
        """Send what was published and not sent yet; bounded."""
        ...
