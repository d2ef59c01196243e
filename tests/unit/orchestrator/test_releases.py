"""Runs whose jobs are of a newer release than some workers, or than all."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pedidos_common.domain.jobs import JobStatus, NewJob
from pedidos_common.domain.run_jobs import PROCESS_BATCH
from pedidos_common.domain.runs import Phase
from pedidos_common.execution.registry import JobFunction
from pedidos_common.ports import Bell
from pedidos_common.testing.in_memory_jobs import InMemoryJobLedger
from tests.unit.orchestrator.world import STALL_SECONDS, World
from tests.world.ending import ended_well
from tests.world.worker import Worker


def of_the_next_release(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**payload, "priority": payload["lane"]}


class NewerLedger(InMemoryJobLedger):
    """As a newer orchestrator writes batches: one field has another name."""

    async def create(self, jobs: Sequence[NewJob]) -> Sequence[Bell]:
        return await super().create([_newer(job) for job in jobs])


def _newer(job: NewJob) -> NewJob:
    if job.function != PROCESS_BATCH:
        return job
    lane = {"lane": job.payload["priority"], "priority": job.payload["priority"]}
    return replace(job, payload={**job.payload, **lane}, payload_version=2)


class MixedWorld(World):
    """Its engine is of the next release, and so are all workers but the named ones."""

    def __init__(self, *old: str) -> None:
        self.old = set(old)
        super().__init__()
        self.ledger = NewerLedger(self.clock)
        self.seat = type(self.seat)(self, "newer")
        self.workers = [self._new_worker(), self._new_worker()]
        self._turns = itertools.count()

    def free_worker(self) -> Worker | None:
        """Whoever of the free ones has its turn, as whoever looks first in Redis."""
        free = [worker for worker in self.workers if worker.executor.free_slots()]
        return free[next(self._turns) % len(free)] if free else None

    def functions_for(self, worker: Worker) -> dict[str, JobFunction]:
        found = super().functions_for(worker)
        if worker.name not in self.old:
            found[PROCESS_BATCH] = replace(found[PROCESS_BATCH], upgrades=(of_the_next_release,))
        return found


def unreadable(_payload: Mapping[str, Any]) -> Mapping[str, Any]:
    raise KeyError("seats")


class UnreadableWorld(World):
    """Its batches are of a form that no worker can read, until they are `mended`."""

    mended = False

    def functions_for(self, worker: Worker) -> dict[str, JobFunction]:
        found = super().functions_for(worker)
        if not self.mended:
            found[PROCESS_BATCH] = replace(found[PROCESS_BATCH], upgrades=(unreadable,))
        return found


async def test_a_run_ends_beside_a_worker_of_the_previous_release() -> None:
    world = MixedWorld("worker-2")
    run = await world.start()
    await world.play()
    run = await ended_well(world, run)
    jobs = await world.jobs(run)
    assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert {(job.attempts, job.lost, job.refused_since) for job in jobs} == {(0, 0, None)}
    batches = [job for job in jobs if job.function == PROCESS_BATCH]
    assert {job.worker for job in batches} == {"worker-3"}
    assert any(job.deliveries > 1 for job in batches), "the other worker was never asked"


async def test_a_run_whose_jobs_nobody_understands_stalls_and_says_why() -> None:
    world = MixedWorld("worker-2", "worker-3")
    run = await world.start()
    run = await world.play()
    assert run.phase is Phase.ERROR
    assert "understands orders.process_batch (payload version 2)" in str(run.error)
    assert run.live["stalledMs"] >= 1000 * STALL_SECONDS
    assert not await world.jobs(run, JobStatus.FAILED)
    world.old.clear()
    world.workers = [world._new_worker(), world._new_worker()]
    await world.resume(run)
    await world.play()
    await ended_well(world, run)


async def test_a_run_whose_jobs_can_t_be_read_stalls_and_says_why() -> None:
    """However often they are looked at again: that is no progress."""
    world = UnreadableWorld()
    run = await world.start()
    run = await world.play()
    assert run.phase is Phase.ERROR
    assert "could not be begun: KeyError: 'seats'" in str(run.error)
    assert run.live["stalledMs"] >= 1000 * STALL_SECONDS
    assert not await world.jobs(run, JobStatus.FAILED)
    world.mended = True
    world.workers = [world._new_worker(), world._new_worker()]
    await world.resume(run)
    await world.play()
    await ended_well(world, run)
