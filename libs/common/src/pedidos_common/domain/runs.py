"""A run and its phases.

`PHASES` is the table of what may follow what, and `advance` its only reader;
`docs/state-machines.md` is held equal to it by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pedidos_common.domain.errors import InvalidTransition


class Phase(StrEnum):
    """Where a run stands."""

    IDLE = "IDLE"
    GENERATING = "GENERATING"
    ENQUEUE_VIP = "ENQUEUE_VIP"
    WAITING_VIP_DRAIN = "WAITING_VIP_DRAIN"
    ENQUEUE_NORMAL = "ENQUEUE_NORMAL"
    WAITING_NORMAL_DRAIN = "WAITING_NORMAL_DRAIN"
    DONE = "DONE"
    ABORTED = "ABORTED"
    ERROR = "ERROR"


class RunTrigger(StrEnum):
    """What can happen to a run."""

    START = "start"
    GENERATED = "generated"
    VIP_ENQUEUED = "vip_enqueued"
    VIP_DRAINED = "vip_drained"
    NORMAL_ENQUEUED = "normal_enqueued"
    NORMAL_DRAINED = "normal_drained"
    CANCEL = "cancel"
    FAIL = "fail"
    RESUME = "resume"


P, T = Phase, RunTrigger
_FORWARD: Mapping[tuple[Phase, RunTrigger], Phase] = {
    (P.IDLE, T.START): P.GENERATING,
    (P.GENERATING, T.GENERATED): P.ENQUEUE_VIP,
    (P.ENQUEUE_VIP, T.VIP_ENQUEUED): P.WAITING_VIP_DRAIN,
    (P.WAITING_VIP_DRAIN, T.VIP_DRAINED): P.ENQUEUE_NORMAL,
    (P.ENQUEUE_NORMAL, T.NORMAL_ENQUEUED): P.WAITING_NORMAL_DRAIN,
    (P.WAITING_NORMAL_DRAIN, T.NORMAL_DRAINED): P.DONE,
}
ACTIVE = frozenset(
    {
        P.GENERATING,
        P.ENQUEUE_VIP,
        P.WAITING_VIP_DRAIN,
        P.ENQUEUE_NORMAL,
        P.WAITING_NORMAL_DRAIN,
    }
)
RESUMABLE = frozenset({P.ABORTED, P.ERROR})
PHASES: Mapping[tuple[Phase, RunTrigger], Phase] = {
    **_FORWARD,
    **{(phase, T.CANCEL): P.ABORTED for phase in Phase if phase in ACTIVE},
    **{(phase, T.FAIL): P.ERROR for phase in Phase if phase in ACTIVE},
    # a resumed run walks the phases again; what is done already is found done
    **{(phase, T.RESUME): P.GENERATING for phase in Phase if phase in RESUMABLE},
}


def advance(phase: Phase, trigger: RunTrigger) -> Phase:
    """The phase that follows; the only reader of `PHASES`.

    Raises:
        InvalidTransition: when the table has no such row.
    """
    try:
        return PHASES[phase, trigger]
    except KeyError:
        raise InvalidTransition(phase, trigger) from None


class Source(StrEnum):
    """Where a run's orders come from."""

    GENERATED = "generated"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is frozen when a run starts: a new release or setting moves no boundary of it.

    Sizes are numbers of orders; `chunks` is how many chunk jobs write the run.
    """

    quantity: int
    chunk_size: int
    batch_size: int
    normal_group_size: int
    seed: int
    generator_version: int
    source: Source = Source.GENERATED
    import_id: str | None = None

    @property
    def chunks(self) -> int:
        """How many chunks the run has."""
        return -(-self.quantity // self.chunk_size)

    def chunk_bounds(self, index: int) -> tuple[int, int]:
        """First and last sequence of chunk `index` (from 0), both included."""
        first = index * self.chunk_size + 1
        return first, min(first + self.chunk_size - 1, self.quantity)


@dataclass(frozen=True, slots=True)
class AbortRequest:
    """That someone cancelled the run, and what is to be cleared with it."""

    remove_pending: bool = True
    purge: bool = True
    reset_logs: bool = False


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """One line of a run's history; `at` is the database server's time."""

    phase: Phase
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One execution: orders arrive, all VIP are processed, then all NORMAL.

    `live` holds the figures while it runs, `figures` those of SPEC O-15 once it is over (and
    `ordersExpired`, when retention removed its orders), `receipt` the counts over its orders at
    the end, `cancelled` what a cancel did; `hidden` says that a reset wiped its orders.
    """

    id: UUID
    plan: Plan
    phase: Phase
    created_at: datetime
    history: tuple[PhaseChange, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)
    abort: AbortRequest | None = None
    error: str | None = None
    resumes: int = 0
    receipt: Mapping[str, Any] | None = None
    cancelled: Mapping[str, Any] | None = None
    updated_at: datetime | None = None
    trace: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False

    @property
    def active(self) -> bool:
        """Whether work of this run may still be done."""
        return self.phase in ACTIVE

    @property
    def resumable(self) -> bool:
        """Whether the run is over and may be taken up again: its orders are all there."""
        lost = (self.cancelled or {}).get("deletedPending") or self.figures.get("ordersExpired")
        return self.phase in RESUMABLE and not self.hidden and not lost

    @property
    def scope(self) -> str:
        """The name under which the ledger keeps this run's jobs."""
        return str(self.id)
