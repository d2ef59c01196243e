"""Who is told what becomes of the jobs of this process, as metrics are."""

from __future__ import annotations

from typing import Protocol

from pedidos_common.domain.jobs import Job, Outcome
from pedidos_common.execution.slots import Slots


class JobWatch(Protocol):
    """Is told once a job of each of these; must be quick, and never raise."""

    def works(self, slots: Slots) -> None:
        """The process begins: how many jobs it can run at once, and does."""
        ...

    def claimed(self, job: Job) -> None:
        """A job is this process' now; `deliveries` counts this claim too."""
        ...

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """A job was settled, so long after its claim."""
        ...

    def lease_lost(self, job: Job) -> None:
        """A job that was run here is another's, or its lease ran out."""
        ...

    def taken_back(self, count: int) -> None:
        """So many jobs of an earlier process in this one's place were given to others."""
        ...


class UnwatchedJobs:
    """The watch that notes nothing."""

    def works(self, slots: Slots) -> None:
        """See `JobWatch`."""

    def claimed(self, job: Job) -> None:
        """See `JobWatch`."""

    def ended(self, job: Job, outcome: Outcome, seconds: float) -> None:
        """See `JobWatch`."""

    def lease_lost(self, job: Job) -> None:
        """See `JobWatch`."""

    def taken_back(self, count: int) -> None:
        """See `JobWatch`."""
