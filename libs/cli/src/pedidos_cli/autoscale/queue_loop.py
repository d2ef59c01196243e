"""The loop that looks at the queues and starts or stops the processes that serve only one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import httpx

from pedidos_cli.autoscale.queue_policy import QueuePace, QueueScaling
from pedidos_cli.autoscale.scrape import waiting_by_queue
from pedidos_cli.stack_file import ProcessEntry
from pedidos_cli.stack_messages import stamped
from pedidos_cli.wording import counted
from pedidos_common.domain.queues import Scale


class ScalableQueues(Protocol):
    """A stack, as this autoscaler sees it."""

    def entries(self) -> Iterable[ProcessEntry]:
        """Its processes, with the addresses of their metrics."""

    def workers_of(self, queue: str) -> int:
        """How many workers there are to be that serve only this queue."""

    def scale_queue(self, queue: str, count: int) -> None:
        """Starts more of them, or stops those that came last."""


class QueueAutoscaler:
    """Keeps each queue's own workers at the number that its waiting jobs ask for.

    While what waits can't be told, the numbers stay. `notify` is told of each change, with its
    reason.
    """

    def __init__(
        self,
        stack: ScalableQueues,
        scales: Mapping[str, Scale],
        notify: Callable[[str], None],
        pace: QueuePace = QueuePace(),  # noqa: B008 - it is a constant
    ) -> None:
        self._stack, self._notify, self._pace = stack, notify, pace
        self._least = {queue: scale.least for queue, scale in scales.items()}
        self._scalings = {queue: QueueScaling(scale, pace) for queue, scale in scales.items()}

    async def run(self) -> None:
        """Looks again and again until it is cancelled; what goes wrong is told, and it goes on."""
        for queue, least in self._least.items():
            self._stack.scale_queue(queue, max(least, self._stack.workers_of(queue)))
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await self.turn(client)
                except Exception as error:  # noqa: BLE001 - scaling goes on whatever happens
                    self._notify(stamped(f"Autoscaling went wrong once and goes on: {error!r}"))
                await asyncio.sleep(self._pace.look)

    async def turn(self, client: httpx.AsyncClient) -> None:
        """One look, and what follows from it."""
        waiting = await waiting_by_queue(client, self._stack.entries())
        now = time.monotonic()
        for queue, scaling in self._scalings.items():
            if queue in waiting:
                self._step(queue, scaling, now, waiting[queue])

    def _step(self, queue: str, scaling: QueueScaling, now: float, waiting: float) -> None:
        before = self._stack.workers_of(queue)
        wanted = scaling.decide(now, waiting, before)
        if wanted != before:
            served = counted(before, "worker")
            self._notify(stamped(f"{queue}: {served}, now {wanted}: {waiting:.0f} jobs wait"))
            self._stack.scale_queue(queue, wanted)
