"""The place that a reset holds while it wipes: as long as it has it, no run starts or resumes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.ports import RunStore
from pedidos_orchestrator.problems import ProblemError

RENEWALS_A_HOLD = 3
RELEASE_SECONDS = 5.0

_log = structlog.get_logger()
Result = TypeVar("Result")


def reset_lost() -> ProblemError:
    """The hold was over before the wipe was."""
    detail = "the reset lost its place before it was done, so it stopped: reset again"
    return ProblemError(409, detail, slug="reset-lost")


class ResetHold:
    """One reset's place; whoever dies leaves it to its time, on the database's clock."""

    def __init__(self, runs: RunStore, seconds: float) -> None:
        self._runs, self._seconds = runs, seconds
        self._owner = uuid4().hex

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the place for the block.

        Raises:
            RunAlreadyActive: when a run is active.
            ResetInProgress: when another reset has the place.
        """
        await self._runs.hold_for_reset(self._owner, self._seconds)
        try:
            yield
        finally:
            await self._release()

    async def _release(self) -> None:
        """Let go, even while this task is being cancelled."""
        releasing = asyncio.wait_for(self._runs.release_reset(self._owner), RELEASE_SECONDS)
        try:
            await asyncio.shield(releasing)
        except (TimeoutError, Unavailable) as error:
            _log.warning("reset_hold_left_to_its_time", error=str(error)[:200])

    async def still(self) -> None:
        """Renew the hold before a step that must not hit what started after it.

        Raises:
            ProblemError: 409, when it was lost.
        """
        if not await self._runs.renew_reset(self._owner, self._seconds):
            raise reset_lost()

    async def during(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do the work, renewing the hold beside it; the work is stopped where that fails.

        Raises:
            ProblemError: 409, when the hold was lost.
        """
        working, keeping = asyncio.ensure_future(work), asyncio.ensure_future(self._keep())
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise reset_lost()
            return working.result()
        finally:
            working.cancel()
            keeping.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(self) -> None:
        """Renew the hold until it is lost."""
        renewed_at = time.monotonic()
        while time.monotonic() - renewed_at < self._seconds:
            await asyncio.sleep(self._seconds / RENEWALS_A_HOLD)
            asked_at = time.monotonic()
            try:
                if not await self._runs.renew_reset(self._owner, self._seconds):
                    return
            except Unavailable as error:
                _log.warning("reset_hold_not_renewed", error=str(error)[:200])
                continue
            renewed_at = asked_at
