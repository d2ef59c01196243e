"""What engine and workers do: jobs are created, claimed, performed and settled."""

from __future__ import annotations

from collections.abc import Iterator

from pedidos_common.domain.jobs import JobStatus, JobTrigger
from tests.model.product import Product, Record
from tests.model.state import (
    NORMAL,
    VIP,
    Held,
    Move,
    State,
    changed,
    is_alive,
    more,
    plain,
    with_job,
    with_worker,
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
        after = with_job(after, index, Record(JobStatus.QUEUED))
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
    turns = more(state.turns, index, 1)
    claimed = product.claim(index, plain(job), turns[index]) if job else None
    if job is None or claimed is None:
        return Move(f"ring for {index} in vain", state)
    after = with_job(state, index, changed(state, job, claimed))._replace(turns=turns)
    held = Held(index, claimed.lease, claimed.deliveries, turns[index])
    return Move(
        f"claim {index}", with_worker(after, worker, held), wrong=_wrong_claim(state, index)
    )


def _wrong_claim(state: State, index: int) -> str | None:
    if index in NORMAL and not all(state.writes[vip] for vip in VIP):
        return "a NORMAL batch was claimed before every VIP order was final"
    job = state.jobs[index]
    if job and job.status is JobStatus.RUNNING and is_alive(state, index, job.lease):
        return "two workers hold a valid lease of one job"
    return None


def writes(state: State, product: Product) -> Iterator[Move]:
    """A worker performs its batch; the server refuses what comes after the lease's end."""
    for worker, held in enumerate(state.workers):
        if held is None or held.outcome:
            continue
        is_final = state.writes[held.job] > 0
        did = product.perform(held.job, held.lease, held.deliveries, held.zombie, is_final)
        after = state._replace(writes=more(state.writes, held.job, did.changes))
        after = with_worker(after, worker, held._replace(outcome=did.outcome))
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
        left = with_worker(state, worker, None)
        settled = None
        if job is not None:
            settled = product.settle(
                held.job, plain(job), held.lease, held.deliveries, JobTrigger(held.outcome)
            )
        if job is None or settled is None:
            yield Move(f"settle {held.job} refused", left)
            continue
        after = with_job(left, held.job, changed(state, job, settled))
        wrong = _wrong_settle(state, held, settled)
        yield Move(f"settle {held.job} → {settled.status}", after, wrong=wrong)


def _wrong_settle(state: State, held: Held, settled: Record) -> str | None:
    if held.turn != state.turns[held.job]:
        return "a stale worker settled another's job"
    if settled.status is JobStatus.SUCCEEDED and not state.writes[held.job]:
        return "a job was settled before its order was written"
    return None
