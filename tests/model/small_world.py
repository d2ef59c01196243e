"""A small world of one run, for an exhaustive look: three workers, two VIP and two NORMAL batches.

What a claim, a batch's writes, a settle, a round of the reconciler and a step of the engine make of
it, the product's own code says (`product.py`): ledger and order store with their queries and
updates, the built-in processing of a batch, reconciler and run engine, each over a server that is
a dictionary. Modelled is what no code of the product is: that server, processes that die, freeze or
are forgotten by it, rings on their way, and whose heart beats. A batch has one order, everything
happens one operation at a time, and a round of the reconciler sees one job.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pedidos_common.domain.jobs import JobStatus, JobTrigger, sources
from pedidos_common.domain.runs import Phase
from tests.model.product import Product, Record

VIP, NORMAL = (0, 1), (2, 3)


class Held(NamedTuple):
    """A worker's own belief: its job and lease, what it will settle, and whether it is a zombie.

    `turn` counts the claims of the job; no rollback changes it, and no guard can see it.
    """

    job: int
    lease: str
    deliveries: int
    turn: int
    outcome: JobTrigger | str = ""  # nothing yet
    zombie: bool = False


class State(NamedTuple):
    """All there is. `writes` counts how often each order was made final, `turns` claims of jobs."""

    phase: Phase = Phase.GENERATING
    jobs: tuple[Record | None, ...] = (None,) * 4
    writes: tuple[int, ...] = (0,) * 4
    turns: tuple[int, ...] = (0,) * 4
    workers: tuple[Held | None, ...] = (None,) * 3
    rings: frozenset[int] = frozenset()
    spotted: tuple[int, str] | None = None
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


def _with_job(state: State, index: int, job: Record | None) -> State:
    return state._replace(jobs=(*state.jobs[:index], job, *state.jobs[index + 1 :]))


def _with_worker(state: State, index: int, held: Held | None) -> State:
    return state._replace(workers=(*state.workers[:index], held, *state.workers[index + 1 :]))


def _more(counts: tuple[int, ...], index: int, by: int) -> tuple[int, ...]:
    return (*counts[:index], counts[index] + by, *counts[index + 1 :])


def _plain(job: Record) -> Record:
    return job._replace(before=())


def _changed(state: State, before: Record, after: Record) -> Record:
    """The record after a write that a rollback can take back."""
    return after._replace(before=before[:3]) if state.rollbacks else after


def _is_alive(state: State, index: int, lease: str) -> bool:
    """Whether a heart beats for the lease."""
    return any(
        held.job == index and held.lease == lease and not held.zombie
        for held in state.workers
        if held
    )


# -- the engine


def engine_steps(state: State, product: Product) -> Iterator[Move]:
    """The leader looks at the ledger and does what is due."""
    standing = tuple(job.status if job else None for job in state.jobs)
    created, rung, phase = product.step(state.phase, standing)
    if not created and phase is state.phase:
        return
    after = state._replace(phase=phase, rings=state.rings | rung)
    for index in created:
        after = _with_job(after, index, Record(JobStatus.QUEUED))
    yield Move(f"engine → {phase}", after)


# -- the workers


def claims(state: State, product: Product) -> Iterator[Move]:
    """An idle worker hears a ring and claims its job; rings may come twice."""
    idle = next((n for n, held in enumerate(state.workers) if held is None), None)
    if idle is None:
        return
    for index in state.rings:
        heard = state._replace(rings=state.rings - {index})
        yield _claim(heard, idle, index, product)
    for index, job in enumerate(state.jobs):
        if state.repeats and job is not None and index not in state.rings:
            move = _claim(state._replace(repeats=0), idle, index, product)
            yield move._replace(fault=True)


def _claim(state: State, worker: int, index: int, product: Product) -> Move:
    job = state.jobs[index]
    turns = _more(state.turns, index, 1)
    claimed = product.claim(index, _plain(job), turns[index]) if job else None
    if job is None or claimed is None:
        return Move(f"ring for {index} in vain", state)
    after = _with_job(state, index, _changed(state, job, claimed))._replace(turns=turns)
    held = Held(index, claimed.lease, claimed.deliveries, turns[index])
    return Move(
        f"claim {index}", _with_worker(after, worker, held), wrong=_wrong_claim(state, index)
    )


def _wrong_claim(state: State, index: int) -> str | None:
    if index in NORMAL and not all(state.writes[vip] for vip in VIP):
        return "a NORMAL batch was claimed before every VIP order was final"
    job = state.jobs[index]
    if job and job.status is JobStatus.RUNNING and _is_alive(state, index, job.lease):
        return "two workers hold a valid lease of one job"
    return None


def writes(state: State, product: Product) -> Iterator[Move]:
    """A worker performs its batch; the server refuses what comes after the lease's end."""
    for worker, held in enumerate(state.workers):
        if held is None or held.outcome:
            continue
        is_final = state.writes[held.job] > 0
        did = product.perform(held.job, held.lease, held.deliveries, held.zombie, is_final)
        after = state._replace(writes=_more(state.writes, held.job, did.changes))
        after = _with_worker(after, worker, held._replace(outcome=did.outcome))
        name = f"write {held.job}" if did.changes else f"write {held.job} changes nothing"
        yield Move(
            name, after, wrong=_wrong_write(after, held, did.changes, did.counted, did.outcome)
        )


def _wrong_write(
    state: State, held: Held, changes: int, counted: int, outcome: JobTrigger
) -> str | None:
    if changes and held.zombie:
        return "a worker whose lease had ended changed an order"
    if state.writes[held.job] > 1:
        return "an order ended twice"
    if outcome is JobTrigger.SUCCEED and state.writes[held.job] and counted != 1:
        return "a batch counts other orders than it has"
    return None


def settles(state: State, product: Product) -> Iterator[Move]:
    """A worker settles what it performed; a stale one is refused."""
    for worker, held in enumerate(state.workers):
        if held is None or not held.outcome:
            continue
        job = state.jobs[held.job]
        left = _with_worker(state, worker, None)
        settled = None
        if job is not None:
            settled = product.settle(
                held.job, _plain(job), held.lease, held.deliveries, JobTrigger(held.outcome)
            )
        if job is None or settled is None:
            yield Move(f"settle {held.job} refused", left)
            continue
        after = _with_job(left, held.job, _changed(state, job, settled))
        wrong = _wrong_settle(state, held, settled)
        yield Move(f"settle {held.job} → {settled.status}", after, wrong=wrong)


def _wrong_settle(state: State, held: Held, settled: Record) -> str | None:
    if held.turn != state.turns[held.job]:
        return "a stale worker settled another's job"
    if settled.status is JobStatus.SUCCEEDED and not state.writes[held.job]:
        return "a job was settled before its order was written"
    return None


# -- repair


def repairs(state: State, product: Product) -> Iterator[Move]:
    """The reconciler: ended leases, retries that are due, rings that were lost.

    A lease's end takes two steps, a search and an update: in between the job may be settled or
    claimed by another.
    """
    for index, job in enumerate(state.jobs):
        if job is None:
            continue
        alive = _is_alive(state, index, job.lease)
        if state.spotted is None and product.has_ended(index, _plain(job), alive):
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
    repaired, rings = product.repair(index, _plain(job), alive, rung, spotted)
    if repaired == _plain(job) and rings == rung and not spotted:
        return
    after = state._replace(spotted=None, rings=state.rings | ({index} if rings else frozenset()))
    if repaired != _plain(job):
        after = _with_job(after, index, repaired)
    was_running = job.status is JobStatus.RUNNING and repaired.status is not JobStatus.RUNNING
    fits = was_running and job.lease == spotted and not alive
    is_due = job.status in sources(JobTrigger.DUE)
    took_away = repaired != _plain(job) and bool(spotted) and not (fits or is_due)
    wrong = "expiry took away what was settled or another's" if took_away else None
    yield Move(f"repair {index}: {repaired.status}{', rung' * rings}", after, wrong=wrong)


# -- faults


def faults(state: State, _product: Product) -> Iterator[Move]:
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


def _rolled_back(state: State, index: int, job: Record) -> State:
    """The job's last write was forgotten; from now on nothing can be rolled back."""
    jobs = [_plain(other) if other else None for other in state.jobs]
    jobs[index] = Record(*job.before)
    return state._replace(rollbacks=0, jobs=tuple(jobs))


RULES = (engine_steps, claims, writes, settles, repairs, faults)


def moves(state: State, product: Product) -> Iterator[Move]:
    """Everything that can happen next.

    Workers are alike, and so are the two batches of a priority: states that differ by a swap of
    them are one, which leaves about an eighth of them to visit.
    """
    for rule in RULES:
        for move in rule(state, product):
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
