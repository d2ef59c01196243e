"""A state of the small world, and what follows it."""

from __future__ import annotations

from typing import NamedTuple

from pedidos_common.domain.jobs import JobTrigger
from pedidos_common.domain.runs import Phase
from tests.model.product import Record

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


def with_job(state: State, index: int, job: Record | None) -> State:
    return state._replace(jobs=(*state.jobs[:index], job, *state.jobs[index + 1 :]))


def with_worker(state: State, index: int, held: Held | None) -> State:
    return state._replace(workers=(*state.workers[:index], held, *state.workers[index + 1 :]))


def more(counts: tuple[int, ...], index: int, by: int) -> tuple[int, ...]:
    return (*counts[:index], counts[index] + by, *counts[index + 1 :])


def plain(job: Record) -> Record:
    return job._replace(before=())


def changed(state: State, before: Record, after: Record) -> Record:
    """The record after a write that a rollback can take back."""
    return after._replace(before=before[:3]) if state.rollbacks else after


def is_alive(state: State, index: int, lease: str) -> bool:
    """Whether a heart beats for the lease."""
    return any(
        held.job == index and held.lease == lease and not held.zombie
        for held in state.workers
        if held
    )
