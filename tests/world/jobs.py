"""The job functions of a small world's workers, each of which a test can hold up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pedidos_common.domain.jobs import Job, Outcome, RetryPolicy, Succeeded
from pedidos_common.domain.run_jobs import GENERATE_CHUNK
from pedidos_common.execution.registry import JobContext, JobFunction, Perform, table
from pedidos_worker.process_batch import BatchProcessing
from pedidos_worker.process_orders import OrderProcessing
from tests.world.watched import Place
from tests.world.worker import Worker

if TYPE_CHECKING:
    from tests.world.small_world import SmallWorld


def never(_job: Job) -> bool:
    """Holds nothing."""
    return False


class Barrier:
    """Jobs for which `holds` is true wait, in the middle of their work, until `let_go`."""

    def __init__(self) -> None:
        self.holds: Callable[[Job], bool] = never
        self._open = asyncio.Event()

    def hold(self, holds: Callable[[Job], bool]) -> None:
        self.holds = holds
        if self._open.is_set():
            self._open = asyncio.Event()

    def let_go(self) -> None:
        self.holds = never
        self._open.set()

    async def passes(self, job: Job, worker: Worker) -> None:
        """Returns when neither the job is held nor its worker frozen."""
        if self.holds(job):
            await worker.waits_for(self._open)
        await worker.moves()


def functions_for(world: SmallWorld, worker: Worker) -> dict[str, JobFunction]:
    """What the worker can run."""
    handler, policy = world.handler_for(worker), world.policy

    def held_up(perform: Perform) -> Perform:
        async def later(job: Job, context: JobContext) -> Outcome:
            await world.barrier.passes(job, worker)
            return await perform(job, context)

        return later

    async def write_chunk(job: Job, _context: JobContext) -> Outcome:
        if world.fails_chunk(job.payload["index"]):
            raise OSError("disk full")
        chunk = world.chunk_of(job)
        await worker.at(Place.MIDST)
        await worker.orders.insert_chunk(chunk, redelivered=job.deliveries > 1)
        return Succeeded({"vip": chunk.vip, "normal": len(chunk.orders) - chunk.vip})

    again = RetryPolicy(2, 1 / world.speed)
    chunks = JobFunction(GENERATE_CHUNK, held_up(write_chunk), retry=again)
    batches = BatchProcessing(worker.orders, handler, policy).as_function()
    singles = OrderProcessing(worker.orders, handler, policy).as_function()
    held_batches = replace(batches, perform=held_up(batches.perform))
    return dict(table([chunks, held_batches, singles]))
