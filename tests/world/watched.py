"""Ledger and order store as a worker has them: what a stale one gets through is noted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum, auto
from typing import Any, Protocol

from pedidos_common.domain.jobs import Job, Outcome

FENCED = frozenset({"mark_processed", "mark_each", "mark_failures", "fail_rest"})


class Place(Enum):
    """Where in a job something can happen to its worker."""

    MIDST = auto()  # its handler has answered, and nothing is written yet
    WRITTEN = auto()  # everything is written, and the job not settled yet


class Watched(Protocol):
    """A worker, to which something can happen in a job."""

    async def at(self, place: Place) -> None:
        """A job of it has come there."""
        ...


class SettlingLedger:
    """Trouble can come right before a settle; one of a worker that had lost the job is noted.

    `note_claim` is told of every claim.
    """

    def __init__(
        self,
        ledger: Any,
        worker: Watched,
        note_claim: Callable[[Job], Awaitable[None]],
        breaches: list[str],
    ) -> None:
        self._ledger, self._worker = ledger, worker
        self._note_claim, self._breaches = note_claim, breaches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def claim(self, *given: Any, **more: Any) -> Job | None:
        job: Job | None = await self._ledger.claim(*given, **more)
        if job is not None:
            await self._note_claim(job)
        return job

    async def settle(self, job: Job, outcome: Outcome, **how: bool) -> bool:
        await self._worker.at(Place.WRITTEN)
        now: Job | None = await self._ledger.get(job.id)
        settled: bool = await self._ledger.settle(job, outcome, **how)
        if settled and (now is None or _lease_id(now) != _lease_id(job)):
            self._breaches.append(f"{job.id} was settled by one that had lost it")
        return settled


def _lease_id(job: Job) -> str:
    return job.lease.id if job.lease else "none"


class FencedOrders:
    """A change of orders that was asked for after the lease's end, and made, is noted."""

    def __init__(
        self, orders: Any, now: Callable[[], Awaitable[datetime]], breaches: list[str]
    ) -> None:
        self._orders, self._now, self._breaches = orders, now, breaches

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._orders, name)
        return self._watching(found) if name in FENCED else found

    def _watching(self, change: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[int]]:
        async def watched(*given: Any, **more: Any) -> int:
            fence = next(value for value in given if isinstance(value, datetime))
            is_late = await self._now() > fence
            changed = await change(*given, **more)
            if is_late and changed:
                self._breaches.append(f"{changed} orders were changed after the lease's end")
            return changed

        return watched
