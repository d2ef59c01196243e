"""What follows from a job that this process has settled: created, told of, noted as there.

The settle has stored it, so nothing of this must succeed: what is left undone here, the reconciler
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job, NewJob, Outcome, follow_ups_of
from pedidos_common.ports import Bell, FollowUps, JobLedger

log = structlog.get_logger(__name__)
Follow = Callable[[Sequence[Bell]], Awaitable[None]]
NOTE_AFTER_SECONDS = 0.1
MOST_TO_NOTE = 1_000
LONGEST_CALL_SECONDS = 5.0


async def ring_nobody(_bells: Sequence[Bell]) -> None:
    """Leave the bells to the reconciler, which rings what nobody takes."""


class Following:
    """Creates the follow-ups of settled jobs and hands their bells to `follow`.

    That they are there is noted a moment later, for many jobs in one write.
    """

    def __init__(self, ledger: JobLedger, follow: Follow) -> None:
        self._ledger, self._follow = ledger, follow
        self._done: list[FollowUps] = []
        self._noting: asyncio.Task[None] | None = None

    async def make(self, job: Job, outcome: Outcome) -> None:
        """Make what follows from the job; raises nothing, whatever server is away."""
        jobs = follow_ups_of(outcome)
        if not jobs or job.lease is None:
            return
        bells = await self._created(job, jobs)
        if bells is None:
            return
        self._note_soon(FollowUps(job.id, job.lease.id, jobs))
        try:
            await self._follow(bells)
        except Unavailable as error:
            log.warning("follow_ups_not_rung", jobId=job.id, error=_reason(error))
        except Exception:
            log.exception("follow_ups_not_rung", jobId=job.id)

    async def _created(self, job: Job, jobs: Sequence[NewJob]) -> Sequence[Bell] | None:
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await self._ledger.create(jobs)
        except (Unavailable, TimeoutError) as error:
            log.warning("follow_ups_left_undone", jobId=job.id, error=_reason(error))
        except Exception:
            log.exception("follow_ups_left_undone", jobId=job.id)
        return None

    def _note_soon(self, done: FollowUps) -> None:
        if len(self._done) < MOST_TO_NOTE:
            self._done.append(done)
        if self._noting is None or self._noting.done():
            self._noting = asyncio.create_task(self._note_later(), name="note follow-ups")

    async def _note_later(self) -> None:
        while self._done:
            await asyncio.sleep(NOTE_AFTER_SECONDS)
            await self.note()

    async def note(self) -> None:
        """Note now what is there; raises nothing."""
        done, self._done = self._done, []
        if not done:
            return
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                await self._ledger.note_followed(done)
        except (Unavailable, TimeoutError) as error:
            log.warning("follow_ups_not_noted", count=len(done), error=_reason(error))
        except Exception:
            log.exception("follow_ups_not_noted", count=len(done))


def _reason(error: Exception) -> str:
    return str(error)[:200] or "it took too long"
