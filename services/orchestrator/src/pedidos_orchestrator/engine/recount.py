"""A run's view from its ledger, and its tallies from the store where jobs can't tell them.

A batch that was begun and never settled (cancelled, or its worker lost) has ended orders that no
job's result counts. Such lanes are counted in the store, once nothing of the run is running.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import FINAL, Job, JobStatus
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import place_of
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Run
from pedidos_common.ports import JobLedger, OrderStore


async def read_view(run: Run, ledger: JobLedger) -> RunView:
    """The run's view as all of its jobs have it."""
    view = RunView(run)
    async for job in ledger.of_scope(run.scope):
        _note(view, job)
    return view


def _note(view: RunView, job: Job) -> None:
    if job.status in FINAL:
        view.absorb(job)
    else:
        view.note_open(job.id, job.payload)


async def read_final_view(run: Run, ledger: JobLedger, orders: OrderStore) -> RunView:
    """The view of a run of which nothing is running, with tallies equal to its orders."""
    view = RunView(run)
    begun: dict[Priority, list[Job]] = {}
    async for job in ledger.of_scope(run.scope):
        _note(view, job)
        priority = place_of(job.id).priority
        if priority is not None and job.deliveries and not _is_counted(job):
            begun.setdefault(priority, []).append(job)
    for priority, jobs in begun.items():
        await _recount(view, priority, jobs, orders)
    return view


def _is_counted(job: Job) -> bool:
    return job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}


async def _recount(view: RunView, priority: Priority, begun: list[Job], orders: OrderStore) -> None:
    tally = view.tallies[priority]
    tally.processed = tally.failed = 0
    for lane in _lanes(view, priority):
        counts = await orders.count(lane)
        tally.processed += counts.processado
        tally.failed += counts.falhou
    for job in begun:
        tally.open_at(job.first_claimed_at)
    if tally.end is None and tally.processed + tally.failed:
        tally.end = _latest(begun)


def _lanes(view: RunView, priority: Priority) -> Iterator[OrderRange]:
    """The orders of the priority, chunk by chunk."""
    for chunk in view.chunks:
        last = view.batch_count(priority, chunk) - 1
        if last >= 0:
            first = view.batch(priority, chunk, 0).first
            yield OrderRange(view.run.id, first, view.batch(priority, chunk, last).last)


def _latest(jobs: list[Job]) -> datetime | None:
    return max((job.settled_at for job in jobs if job.settled_at), default=None)
