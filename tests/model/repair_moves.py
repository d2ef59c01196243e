"""What the reconciler does, and the faults that it is there for."""

from __future__ import annotations

from collections.abc import Iterator

from pedidos_common.domain.jobs import JobStatus, JobTrigger, sources
from tests.model.product import Product, Record
from tests.model.state import Move, State, is_alive, plain, with_job, with_worker

# -- repair


def repairs(state: State, product: Product) -> Iterator[Move]:
    """The reconciler: ended leases, retries that are due, rings that were lost.

    A lease's end takes two steps, a search and an update: in between the job may be settled or
    claimed by another.
    """
    for index, job in enumerate(state.jobs):
        if job is None:
            continue
        alive = is_alive(state, index, job.lease)
        if state.spotted is None and product.has_ended(index, plain(job), alive):
            spotted = state._replace(spotted=(index, job.lease))
            yield Move(f"lease of {index} has ended", spotted, wrong=_wrong_look(alive))
        yield from _round(state, index, job, alive, product)


def _wrong_look(alive: bool) -> str | None:
    return "a lease was taken for ended while its worker's heart beat" if alive else None


def _round(state: State, index: int, job: Record, alive: bool, product: Product) -> Iterator[Move]:
    if state.spotted is not None and state.spotted[0] != index:
        return
    spotted = state.spotted[1] if state.spotted else ""
    rung = index in state.rings
    repaired, rings = product.repair(index, plain(job), alive, rung, spotted)
    if repaired == plain(job) and rings == rung and not spotted:
        return
    after = state._replace(spotted=None, rings=state.rings | ({index} if rings else frozenset()))
    if repaired != plain(job):
        after = with_job(after, index, repaired)
    was_running = job.status is JobStatus.RUNNING and repaired.status is not JobStatus.RUNNING
    fits = was_running and job.lease == spotted and not alive
    is_due = job.status in sources(JobTrigger.DUE)
    took_away = repaired != plain(job) and bool(spotted) and not (fits or is_due)
    wrong = "expiry took away what was settled or another's" if took_away else None
    yield Move(f"repair {index}: {repaired.status}{', rung' * rings}", after, wrong=wrong)


# -- faults


def faults(state: State, _product: Product) -> Iterator[Move]:
    """One crash, one zombie, one rolled-back write, one lost ring (a repeat is a claim's)."""
    for worker, held in enumerate(state.workers):
        if held and state.crashes:
            yield Move("crash", with_worker(state._replace(crashes=0), worker, None), fault=True)
        if held and state.zombies and not held.zombie:
            zombie = with_worker(state._replace(zombies=0), worker, held._replace(zombie=True))
            yield Move("zombie", zombie, fault=True)
    for index, job in enumerate(state.jobs):
        if job and job.before and state.rollbacks:
            yield Move(f"roll {index} back", _rolled_back(state, index, job), fault=True)
    for index in state.rings:
        if state.losses:
            lost = state._replace(losses=0, rings=state.rings - {index})
            yield Move(f"lose the ring of {index}", lost, fault=True)


def _rolled_back(state: State, index: int, job: Record) -> State:
    """The job's last write was forgotten; from now on nothing can be rolled back."""
    jobs = [plain(other) if other else None for other in state.jobs]
    jobs[index] = Record(*job.before)
    return state._replace(rollbacks=0, jobs=tuple(jobs))
