"""The runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from pedidos_common.domain.runs import AbortRequest, Phase, Run
from pedidos_common.ports.paging import Page

Expired = Literal["jobsExpired", "ordersExpired"]


class RunStore(Protocol):
    """Runs. At most one is active; engine writes are fenced by the leader's epoch."""

    async def now(self) -> datetime:
        """The server's time: what is named, kept or deleted by time goes by it alone."""
        ...

    async def start(self, run: Run) -> Run:
        """Insert the run, which is IDLE, as the active one and start it; the run as stored.

        Its times are the server's.

        Raises:
            RunAlreadyActive: when another run is active.
            ResetInProgress: when a reset holds its place.
        """
        ...

    async def get(self, run_id: UUID) -> Run | None:
        """The run, or None."""
        ...

    async def active(self) -> Run | None:
        """The active run, or None; never in a state that could be taken back."""
        ...

    async def current(self) -> Run | None:
        """The run that was started or resumed last since the last reset, or None; one read."""
        ...

    async def page(self, limit: int, cursor: str | None) -> Page[Run]:
        """Runs newest first."""
        ...

    async def importing(self, import_id: str) -> Run | None:
        """The run that takes its orders from this import, or None."""
        ...

    async def move(
        self, run: Run, to: Phase, epoch: int, fields: Mapping[str, Any] | None = None
    ) -> Run | None:
        """Compare-and-set the phase (and top-level `fields`), noting the server's time.

        None when the phase has moved meanwhile, or a later leader has written.
        """
        ...

    async def project(self, run_id: UUID, live: Mapping[str, Any], epoch: int) -> datetime | None:
        """Write the live figures; the server's time of that, or None for an old leader."""
        ...

    async def annotate(self, run_id: UUID, fields: Mapping[str, Any]) -> None:
        """Set fields that say something about a run that is over (receipt, import report)."""
        ...

    async def mark_expired(self, what: Expired, before: UUID) -> None:
        """Note the server's time on runs before that one whose jobs or orders retention removes.

        A run that is active, or marked already, stays as it is.
        """
        ...

    async def request_abort(self, run_id: UUID, abort: AbortRequest) -> bool:
        """Ask for the active run's end; False when it is not active."""
        ...

    async def resume(self, run_id: UUID) -> Run:
        """Make an ABORTED or ERROR run active again.

        Raises:
            RunAlreadyActive: when another run is active.
            ResetInProgress: when a reset holds its place.
            InvalidTransition: when the run's phase can't be resumed, or a cancel or retention
                (`ordersExpired`) deleted orders of it.
        """
        ...

    async def is_open(self, scope: str) -> bool:
        """Whether the run of that id is active and not asked to end."""
        ...

    async def forget(self, history: bool) -> None:
        """Back to IDLE: hide every run from `current`, or delete them all (`history`)."""
        ...

    async def hold_for_reset(self, owner: str, seconds: float) -> None:
        """Take the active run's place, so that nothing starts while a reset wipes.

        The hold shows nowhere as a run. It ends at `release_reset`, or gives way once `seconds`
        of the server's clock are over, because its owner died.

        Raises:
            RunAlreadyActive: when a run is active.
            ResetInProgress: when another owner holds it.
        """
        ...

    async def renew_reset(self, owner: str, seconds: float) -> bool:
        """Make the owner's hold last `seconds` from now; False when it has lost it."""
        ...

    async def release_reset(self, owner: str) -> None:
        """End the owner's hold; nothing happens where it is another's or there is none."""
        ...
