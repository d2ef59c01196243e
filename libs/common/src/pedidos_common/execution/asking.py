"""What a process asks of the ledger about its jobs, until it has an answer or a lease has passed.

A call without a reply may have been carried out or not. The next one says so (`again`), and finds
by the lease id what the first one did.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable

import structlog

from pedidos_common.domain.errors import LeaseLost, Unavailable
from pedidos_common.domain.jobs import Job, Outcome, Released
from pedidos_common.execution.leases import HeldLease
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
PAUSE_SECONDS = 0.5
HAND_BACK_SECONDS = 2.0


class Asking:
    """Claims, settles and hands back in the name of `worker`; gives up at once while stopping."""

    def __init__(
        self,
        ledger: JobLedger,
        worker: str,
        lease_seconds: float,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._ledger, self._worker = ledger, worker
        self._lease_seconds, self._is_stopping = lease_seconds, is_stopping

    async def claim(self, job_id: str) -> tuple[Job, float] | None:
        """The job and when (monotonic) the claim was asked for; None when it is not to be had.

        Raises:
            Unavailable: when the ledger can't be reached for a whole lease.
        """
        lease_id, again = uuid.uuid4().hex, False
        give_up_at = time.monotonic() + self._lease_seconds
        while True:
            claimed_at = time.monotonic()
            try:
                job = await self._ledger.claim(job_id, self._worker, lease_id, again=again)
            except Unavailable:
                if self._gives_up(give_up_at):
                    raise
            else:
                return (job, claimed_at) if job is not None else None
            again = True
            await asyncio.sleep(PAUSE_SECONDS)

    async def settle(self, job: Job, outcome: Outcome, held: HeldLease) -> None:
        """Record the outcome.

        Raises:
            LeaseLost: when the job is another's by now, or the lease ran out before an answer came.
        """
        held.settling, again = True, False
        while True:
            held.ensure_held()
            try:
                done = await self._ledger.settle(job, outcome, exonerated=held.probing, again=again)
                break
            except Unavailable as error:
                log.warning("job_settle_delayed", error=str(error)[:300])
            again = True
            await asyncio.sleep(PAUSE_SECONDS)
        if not done:
            raise LeaseLost(f"job {job.id} was settled by another")

    async def hand_back(self, job: Job, how: Released, *, exonerated: bool = False) -> None:
        """Give the job up, so that nobody waits for its lease; where that fails, they do."""
        give_up_at = time.monotonic() + self._lease_seconds
        while True:
            released = self._ledger.settle(job, how, exonerated=exonerated)
            try:
                await asyncio.wait_for(released, HAND_BACK_SECONDS)
                return
            except (Unavailable, TimeoutError):
                log.warning("job_release_failed", function=job.function)
                if self._gives_up(give_up_at):
                    return
            await asyncio.sleep(PAUSE_SECONDS)

    def _gives_up(self, at: float) -> bool:
        return self._is_stopping() or time.monotonic() > at
