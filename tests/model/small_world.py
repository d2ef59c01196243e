"""A small world of one run, for an exhaustive look: three workers, two VIP and two NORMAL batches.

Statuses follow from the product's own transition table, what is created and when a phase ends from
its own engine step; only storage and processes are modelled. A batch has one order. Each rule gives
the states that can follow; `Guards` takes away one protection at a time, so that a test can see
the explorer find what it protects from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.jobs import FINAL, Job, JobStatus, JobTrigger, NewJob, advance, sources
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.pipeline import Limits, next_step
from pedidos_common.domain.run_jobs import batch_job_id, chunk_job
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, Plan, Run
from pedidos_common.domain.runs import advance as advance_phase

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(
    new_run_id(1_700_000_000_000, 42),
    Plan(4, chunk_size=4, batch_size=1, normal_group_size=2, seed=1, generator_version=1),
    Phase.GENERATING,
    NOW,
)
JOBS = tuple(
    batch_job_id(RUN.scope, priority, 0, index)
    for priority in (Priority.VIP, Priority.NORMAL)
    for index in (0, 1)
)
VIP, NORMAL = (0, 1), (2, 3)


Lease = tuple[int, int] | tuple[()]  # number of the delivery and a random part; empty without one


@dataclass(frozen=True, slots=True)
class Guards:
    """The protections of the product, all in force unless a test takes one away."""

    settle_checks_lease: bool = True
    lease_id_is_random: bool = True
    writes_end_with_the_lease: bool = True
    only_pending_orders_change: bool = True
    claim_wants_a_queued_job: bool = True
    expiry_compares_again: bool = True
    leases_expire: bool = True
    lost_rings_are_rung_again: bool = True
    barrier_holds: bool = True
    settle_follows_the_write: bool = True


class Document(NamedTuple):
    """What the ledger has of a job; `before` is what a rollback of the last write leaves."""

    status: JobStatus
    lease: Lease = ()
    deliveries: int = 0
    before: tuple[JobStatus, Lease, int] | tuple[()] = ()


class Held(NamedTuple):
    """A worker's own belief: its job, its lease, whether it wrote, and whether it is a zombie.

    `turn` counts the claims of the job; no rollback changes it, and no guard can see it.
    """

    job: int
    lease: Lease
    turn: int
    wrote: bool = False
    zombie: bool = False


class State(NamedTuple):
    """All there is. `writes` counts how often each order was made final, `turns` claims of jobs."""

    phase: Phase = Phase.GENERATING
    jobs: tuple[Document | None, ...] = (None,) * 4
    writes: tuple[int, ...] = (0,) * 4
    turns: tuple[int, ...] = (0,) * 4
    workers: tuple[Held | None, ...] = (None,) * 3
    rings: frozenset[int] = frozenset()
    spotted: tuple[int, Lease] | None = None
    crashes: int = 1
    zombies: int = 1
    rollbacks: int = 1
    losses: int = 1
    repeats: int = 1


class Move(NamedTuple):
    """One thing that can happen; a fault is nothing that the product may wait for."""

    name: str
    state: State
    fault: bool = False
    wrong: str | None = None


def _with_job(state: State, index: int, job: Document | None) -> State:
    return state._replace(jobs=(*state.jobs[:index], job, *state.jobs[index + 1 :]))


def _with_worker(state: State, index: int, held: Held | None) -> State:
    return state._replace(workers=(*state.workers[:index], held, *state.workers[index + 1 :]))


def _one_more(counts: tuple[int, ...], index: int) -> tuple[int, ...]:
    return (*counts[:index], counts[index] + 1, *counts[index + 1 :])


def _changed(state: State, job: Document, status: JobStatus, **fields: object) -> Document:
    before = (job.status, job.lease, job.deliveries) if state.rollbacks else ()
    return Document(status, **{"deliveries": job.deliveries, "before": before, **fields})  # type: ignore[arg-type]


# -- the engine


@cache
def _engine(
    phase: Phase, standing: tuple[JobStatus | None, ...], barrier_holds: bool
) -> tuple[frozenset[int], Phase]:
    """Which jobs the product's engine step creates, and the phase after it."""
    run = replace(RUN, phase=phase)
    view = RunView(run)
    view.absorb(_settled(chunk_job(run, 0), {"vip": 2, "normal": 2}))
    for job_id, status in zip(JOBS, standing, strict=True):
        if status in FINAL:
            view.absorb(_final(job_id, status))
        elif status is not None:
            view.note_open(job_id, {"first": 1, "last": 1})
    if not barrier_holds and phase is Phase.WAITING_VIP_DRAIN:
        return frozenset(), Phase.ENQUEUE_NORMAL
    due = next_step(phase, view, Limits())
    created = frozenset(JOBS.index(job.id) for job in due.jobs)
    return created, advance_phase(phase, due.trigger) if due.trigger else phase


def _settled(new: NewJob, result: dict[str, int]) -> Job:
    succeeded = JobStatus.SUCCEEDED
    return Job(
        new.id, new.function, new.queue, new.band, new.payload, succeeded, NOW, result=result
    )


def _final(job_id: str, status: JobStatus) -> Job:
    plain = chunk_job(RUN, 0)
    return replace(_settled(plain, {"processed": 1, "failed": 0}), id=job_id, status=status)


def engine_steps(state: State, guards: Guards) -> Iterator[Move]:
    """The leader looks at the ledger and does what is due."""
    standing = tuple(job.status if job else None for job in state.jobs)
    created, phase = _engine(state.phase, standing, guards.barrier_holds)
    if not created and phase is state.phase:
        return
    after = state._replace(phase=phase, rings=state.rings | created)
    for index in created:
        after = _with_job(after, index, Document(JobStatus.QUEUED))
    yield Move(f"engine → {phase}", after)


# -- the workers


def claims(state: State, guards: Guards) -> Iterator[Move]:
    """An idle worker hears a ring and claims its job; rings may come twice."""
    idle = next((n for n, held in enumerate(state.workers) if held is None), None)
    if idle is None:
        return
    for index in state.rings:
        heard = state._replace(rings=state.rings - {index})
        yield from _claim(heard, idle, index, guards)
    for index, job in enumerate(state.jobs):
        if state.repeats and job is not None and index not in state.rings:
            yield from _claim(state._replace(repeats=0), idle, index, guards, fault=True)


def _claim(
    state: State, worker: int, index: int, guards: Guards, fault: bool = False
) -> Iterator[Move]:
    job = state.jobs[index]
    claimable = sources(JobTrigger.CLAIM)
    if not guards.claim_wants_a_queued_job:
        claimable = [*claimable, JobStatus.RUNNING]
    if job is None or job.status not in claimable:
        yield Move(f"ring for {index} in vain", state, fault)
        return
    deliveries = job.deliveries + 1
    era = 1 - state.rollbacks if guards.lease_id_is_random else 0
    lease: Lease = (deliveries, era)
    status = advance(JobStatus.QUEUED, JobTrigger.CLAIM)
    claimed = _changed(state, job, status, lease=lease, deliveries=deliveries)
    turns = _one_more(state.turns, index)
    after = _with_job(state, index, claimed)._replace(turns=turns)
    after = _with_worker(after, worker, Held(index, lease, turns[index]))
    yield Move(f"claim {index}", after, fault, _wrong_claim(state, index))


def _wrong_claim(state: State, index: int) -> str | None:
    if index in NORMAL and not all(state.writes[vip] for vip in VIP):
        return "a NORMAL batch was claimed before every VIP order was final"
    held = [h for h in state.workers if h and h.job == index and not h.zombie]
    job = state.jobs[index]
    if job and job.status is JobStatus.RUNNING and any(h.lease == job.lease for h in held):
        return "two workers hold a valid lease of one job"
    return None


def writes(state: State, guards: Guards) -> Iterator[Move]:
    """A worker writes its batch's order; the server refuses what comes after the lease's end."""
    for worker, held in enumerate(state.workers):
        if held is None or held.wrote:
            continue
        after = _with_worker(state, worker, held._replace(wrote=True))
        if held.zombie and guards.writes_end_with_the_lease:
            yield Move(f"write {held.job} refused", after)
            continue
        done = state.writes[held.job]
        if not done or not guards.only_pending_orders_change:
            after = after._replace(writes=_one_more(state.writes, held.job))
            yield Move(f"write {held.job}", after, wrong=_wrong_write(after, held))
        else:
            yield Move(f"write {held.job} changes nothing", after)


def _wrong_write(state: State, held: Held) -> str | None:
    if held.zombie:
        return "a worker whose lease had ended changed an order"
    return "an order ended twice" if state.writes[held.job] > 1 else None


def settles(state: State, guards: Guards) -> Iterator[Move]:
    """A worker settles: done if its order is final, else again later; a stale one is refused."""
    for worker, held in enumerate(state.workers):
        if held is None or (guards.settle_follows_the_write and not held.wrote):
            continue
        job = state.jobs[held.job]
        left = _with_worker(state, worker, None)
        is_running = job is not None and job.status is JobStatus.RUNNING
        if job is None or not is_running or not _lease_fits(job, held, guards):
            yield Move(f"settle {held.job} refused", left)
            continue
        is_done = state.writes[held.job] or not guards.settle_follows_the_write
        trigger = JobTrigger.SUCCEED if is_done else JobTrigger.RETRY
        status = advance(job.status, trigger)
        after = _with_job(left, held.job, _changed(state, job, status))
        yield Move(f"settle {held.job} → {status}", after, wrong=_wrong_settle(state, held))


def _lease_fits(job: Document, held: Held, guards: Guards) -> bool:
    return not guards.settle_checks_lease or job.lease == held.lease


def _wrong_settle(state: State, held: Held) -> str | None:
    if held.turn != state.turns[held.job]:
        return "a stale worker settled another's job"
    return None if held.wrote else "a job was settled before its order was written"


# -- repair


def repairs(state: State, guards: Guards) -> Iterator[Move]:
    """The reconciler: ended leases, retries that are due, rings that were lost."""
    yield from _expiries(state, guards)
    for index, job in enumerate(state.jobs):
        if job is None:
            continue
        if job.status in sources(JobTrigger.DUE):
            queued = Document(advance(job.status, JobTrigger.DUE), (), job.deliveries)
            due = _with_job(state, index, queued)
            yield Move(f"{index} is due", due._replace(rings=due.rings | {index}))
        is_silent = job.status is JobStatus.QUEUED and index not in state.rings
        if is_silent and guards.lost_rings_are_rung_again:
            yield Move(f"ring {index} again", state._replace(rings=state.rings | {index}))


def _expiries(state: State, guards: Guards) -> Iterator[Move]:
    """In two steps, as a search and an update: in between the job may be settled or claimed."""
    if not guards.leases_expire:
        return
    if state.spotted is not None:
        yield _expire(state, *state.spotted, guards)
        return
    for index, job in enumerate(state.jobs):
        if job and job.status is JobStatus.RUNNING and job.lease and _has_ended(state, index, job):
            yield Move(f"lease of {index} has ended", state._replace(spotted=(index, job.lease)))


def _has_ended(state: State, index: int, job: Document) -> bool:
    holders = (h for h in state.workers if h and h.job == index and h.lease == job.lease)
    return all(holder.zombie for holder in holders)


def _expire(state: State, index: int, lease: Lease, guards: Guards) -> Move:
    after, job = state._replace(spotted=None), state.jobs[index]
    fits = job is not None and job.status is JobStatus.RUNNING and job.lease == lease
    if job is None or (guards.expiry_compares_again and not fits):
        return Move(f"expiry of {index} finds nothing", after)
    wrong = None if fits else "expiry took away what was settled or another's"
    queued = Document(advance(JobStatus.RUNNING, JobTrigger.EXPIRE), (), job.deliveries)
    return Move(f"expire {index}", _with_job(after, index, queued), wrong=wrong)


# -- faults


def faults(state: State, _guards: Guards) -> Iterator[Move]:
    """One crash, one zombie, one rolled-back write, one lost ring (a repeat is a claim's)."""
    for worker, held in enumerate(state.workers):
        if held and state.crashes:
            yield Move("crash", _with_worker(state._replace(crashes=0), worker, None), fault=True)
        if held and state.zombies and not held.zombie:
            zombie = _with_worker(state._replace(zombies=0), worker, held._replace(zombie=True))
            yield Move("zombie", zombie, fault=True)
    for index, job in enumerate(state.jobs):
        if job and job.before and state.rollbacks:
            yield Move(f"roll {index} back", _rolled_back(state, index, job), fault=True)
    for index in state.rings:
        if state.losses:
            lost = state._replace(losses=0, rings=state.rings - {index})
            yield Move(f"lose the ring of {index}", lost, fault=True)


def _rolled_back(state: State, index: int, job: Document) -> State:
    """The job's last write was forgotten; from now on nothing can be rolled back."""
    jobs = [other._replace(before=()) if other else None for other in state.jobs]
    jobs[index] = Document(*job.before)
    return state._replace(rollbacks=0, jobs=tuple(jobs))


RULES = (engine_steps, claims, writes, settles, repairs, faults)


def moves(state: State, guards: Guards) -> Iterator[Move]:
    """Everything that can happen next.

    Workers are alike, and so are the two batches of a priority: states that differ by a swap of
    them are one, which leaves about an eighth of them to visit.
    """
    for rule in RULES:
        for move in rule(state, guards):
            yield move._replace(state=_in_order(move.state))


def _in_order(state: State) -> State:
    for first, second in (VIP, NORMAL):
        if _looks(state, first) > _looks(state, second):
            state = _swapped(state, first, second)
    return state._replace(workers=tuple(sorted(state.workers, key=lambda held: held or ())))


def _looks(state: State, index: int) -> tuple[object, ...]:
    """All that tells a batch from another."""
    held = sorted(h[1:] for h in state.workers if h and h.job == index)
    spotted = state.spotted[1:] if state.spotted and state.spotted[0] == index else ()
    in_rings = index in state.rings
    return (
        state.jobs[index] or (),
        state.writes[index],
        in_rings,
        held,
        state.turns[index],
        spotted,
    )


def _swapped(state: State, first: int, second: int) -> State:
    place = list(range(4))
    place[first], place[second] = second, first
    workers = [held._replace(job=place[held.job]) if held else None for held in state.workers]
    spotted = state.spotted
    return state._replace(
        jobs=tuple(state.jobs[n] for n in place),
        writes=tuple(state.writes[n] for n in place),
        turns=tuple(state.turns[n] for n in place),
        workers=tuple(workers),
        rings=frozenset(place[n] for n in state.rings),
        spotted=(place[spotted[0]], spotted[1]) if spotted else None,
    )


def is_over(state: State) -> bool:
    """The run is DONE, and every order ended once."""
    return state.phase is Phase.DONE and state.writes == (1, 1, 1, 1)
