"""Who watches single checkouts, and how often they are read for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pedidos_orchestrator.problems import ProblemError
from pedidos_orchestrator.use_cases.checkout.checkout_metrics import CheckoutMetrics
from pedidos_orchestrator.use_cases.checkout.reading import StatusReading, status_view

LOOK_SECONDS = 0.5
LOOKS_A_SECOND = 200


class CheckoutWatchers:
    """Who watches a checkout now: so many, and all together so many looks a second."""

    def __init__(self, reading: StatusReading, metrics: CheckoutMetrics, most: int) -> None:
        self._reading, self._metrics, self._most = reading, metrics, most
        self._ended = asyncio.Event()
        self.watching = 0

    @property
    def pause_seconds(self) -> float:
        """How long each of them rests between two looks."""
        return max(LOOK_SECONDS, self.watching / LOOKS_A_SECOND)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """One more watches.

        Raises:
            ProblemError: 503, when too many do already or the process shuts down.
        """
        if self._ended.is_set() or self.watching >= self._most:
            detail = f"{self.watching} clients watch already: poll the status, or try again later"
            raise ProblemError(503, detail, headers={"retry-after": "5"})
        self.watching += 1
        try:
            with self._metrics.serving():
                yield
        finally:
            self.watching -= 1

    async def read(self, checkout_id: str) -> tuple[Mapping[str, Any], bool]:
        """The status as clients see it, and whether it is final; one that is gone is."""
        found = await self._reading(checkout_id)
        return ({}, True) if found is None else (status_view(*found), found[1].is_final)

    async def rest(self) -> bool:
        """Wait for the next look; False when there is none, as the process shuts down."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self.pause_seconds)
        return not self._ended.is_set()

    def end(self) -> None:
        """End every stream."""
        self._ended.set()
