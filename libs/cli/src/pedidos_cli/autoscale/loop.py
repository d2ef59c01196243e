"""The loop that looks at the load and starts or stops workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import httpx

from pedidos_cli.autoscale.bounds import Bounds
from pedidos_cli.autoscale.policy import Pace, Policy
from pedidos_cli.autoscale.scrape import look
from pedidos_cli.autoscale.work import JobTimes, work_seconds
from pedidos_cli.stack_file import ProcessEntry
from pedidos_cli.stack_messages import stamped
from pedidos_cli.wording import counted


class Scalable(Protocol):
    """A stack, as the autoscaler sees it."""

    @property
    def workers(self) -> int:
        """How many workers there are to be."""

    def entries(self) -> Iterable[ProcessEntry]:
        """Its processes, with the addresses of their metrics."""

    def scale_workers(self, count: int) -> None:
        """Starts more of them, or stops those that came last."""


class Autoscaler:
    """Keeps the workers of a stack at the number that its waiting work needs.

    While what waits can't be told, the number stays. `notify` is told of each change, with its
    reason.
    """

    def __init__(
        self, stack: Scalable, bounds: Bounds, notify: Callable[[str], None], pace: Pace
    ) -> None:
        self._stack = stack
        self._notify = notify
        self._pace = pace
        self._policy = Policy(bounds, pace)
        self._times = JobTimes()

    async def run(self) -> None:
        """Looks again and again until it is cancelled; what goes wrong is told, and it goes on."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await self.turn(client)
                except Exception as error:  # noqa: BLE001 - scaling goes on whatever happens
                    self._notify(stamped(f"Autoscaling went wrong once and goes on: {error!r}"))
                await asyncio.sleep(self._pace.look)

    async def turn(self, client: httpx.AsyncClient) -> None:
        """One look, and what follows from it."""
        load = await look(client, self._stack.entries())
        if load is None:
            return
        now = time.monotonic()
        self._times.add(now, load.ended)
        work = work_seconds(load, self._times.mean_seconds())
        before = self._stack.workers
        wanted = self._policy.decide(now, work, before)
        if wanted != before:
            self._notify(stamped(self._reason(before, wanted, work)))
            self._stack.scale_workers(wanted)

    def _reason(self, before: int, wanted: int, work: float) -> str:
        return (
            f"{counted(before, 'worker')}, now {wanted}: {work / before:.1f} s of work waits "
            f"for each (target {self._pace.target:g} s)"
        )
