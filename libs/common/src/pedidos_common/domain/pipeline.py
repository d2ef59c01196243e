"""The one decision of a run's engine: what is due now.

Everything follows from the frozen plan and from settled jobs: chunks settle, their counts fix
the batches, batches settle, and once *every VIP batch by id* is final the NORMAL ones are due.
`RunView` gathers what is known, `next_step` decides; both are pure, so any leader can rebuild
the view from the ledger and go on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pedidos_common.domain.jobs import NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_view import RunView
from pedidos_common.domain.runs import Phase, RunTrigger


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work may be open at once, so that the broker's backlog stays bounded."""

    chunks: int = 32
    vip_orders: int = 40_000
    normal_groups: int = 4


@dataclass(frozen=True, slots=True)
class Step:
    """What is due now: jobs to create, and then perhaps a change of phase.

    `more` says that as much again is due as soon as these are created.
    """

    jobs: tuple[NewJob, ...] = ()
    trigger: RunTrigger | None = None
    reason: str | None = None
    more: bool = False


def next_step(phase: Phase, view: RunView, limits: Limits) -> Step:
    """What is due for a run in this phase; call it as often as you like.

    Created jobs must be noted in `view.outstanding` by the caller before the next call.
    """
    if view.failure:
        return Step(trigger=RunTrigger.FAIL, reason=view.failure)
    match phase:
        case Phase.GENERATING:
            jobs = [*_due_chunks(view, limits), *_due_vip(view, limits)]
            return _step(jobs, view.all_generated, RunTrigger.GENERATED)
        case Phase.ENQUEUE_VIP:
            jobs = _due_vip(view, limits)
            return _step(jobs, view.all_enqueued(Priority.VIP), RunTrigger.VIP_ENQUEUED)
        case Phase.WAITING_VIP_DRAIN:
            jobs = list(view.due_parts())
            return _step(jobs, view.drained(Priority.VIP), RunTrigger.VIP_DRAINED)
        case Phase.ENQUEUE_NORMAL:
            jobs = _due_normal(view, limits)
            reached = view.all_enqueued(Priority.NORMAL)
            step = _step(jobs, reached, RunTrigger.NORMAL_ENQUEUED)
            return step if reached else replace(step, more=_has_room(view, limits, jobs))
        case Phase.WAITING_NORMAL_DRAIN:
            jobs = list(view.due_parts())
            return _step(jobs, view.drained(Priority.NORMAL), RunTrigger.NORMAL_DRAINED)
        case _:
            return Step()


def _step(jobs: list[NewJob], reached: bool, trigger: RunTrigger) -> Step:
    return Step(tuple(jobs), trigger if reached else None)


def _due_chunks(view: RunView, limits: Limits) -> list[NewJob]:
    return list(view.due_chunks(limits.chunks - view.outstanding.chunks()))


def _due_vip(view: RunView, limits: Limits) -> list[NewJob]:
    room = limits.vip_orders - view.outstanding.orders(Priority.VIP)
    return [*view.due_parts(), *view.due_batches(Priority.VIP, room)]


def _room_for_normal(view: RunView, limits: Limits) -> int:
    most = limits.normal_groups * view.run.plan.normal_group_size
    return most - view.outstanding.orders(Priority.NORMAL)


def _has_room(view: RunView, limits: Limits, jobs: list[NewJob]) -> bool:
    """Whether another group fits besides these jobs, which are one."""
    return bool(jobs) and _room_for_normal(view, limits) >= 2 * view.run.plan.normal_group_size


def _due_normal(view: RunView, limits: Limits) -> list[NewJob]:
    group = view.run.plan.normal_group_size
    room = _room_for_normal(view, limits)
    due = list(view.due_parts())
    if room < group and view.outstanding.orders(Priority.NORMAL) > 0:
        return due
    return [*due, *view.due_batches(Priority.NORMAL, min(room, group))]
