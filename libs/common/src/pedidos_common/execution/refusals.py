"""Jobs that this process does not understand: handed back at once, and told of once in a while."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from pedidos_common.domain.jobs import Job, Outcome, Retry, RetryPolicy
from pedidos_common.execution.registry import JobFunction

log = structlog.get_logger(__name__)
# soon elsewhere, as others may be few, and slowly once it looks as if there were none
PACE = RetryPolicy(max_attempts=1_000_000, base_seconds=0.5, cap_seconds=5.0)
DELIVERIES_AT_A_PACE = 8
TELL_EVERY_SECONDS = 60.0
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


class Refusals:
    """Hands back what is of another release, or none of this process' work.

    One line a minute tells of each kind, however many jobs of it come. Whoever hands back has free
    slots, and would be the first to get the same jobs again: so it lets others go before it, the
    longer the more it hands back in a row, and then takes one ring to see.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told_at: dict[tuple[str, int], float] = {}
        self._in_a_row, self._paused_until = 0, 0.0

    def room(self, free: int) -> int:
        """How many of so many free slots may be offered now."""
        if not self._in_a_row:
            return free
        return min(free, 1) if self._monotonic() >= self._paused_until else 0

    def understood(self) -> None:
        """Note that a job was taken on."""
        self._in_a_row = 0

    def hand_back(self, job: Job, function: JobFunction | None) -> Outcome:
        """The outcome of a job that `function`, if there is any, does not understand."""
        self._step_back()
        known = "does not know it" if function is None else "is of an earlier release"
        what = f"{job.function} (payload version {job.payload_version})"
        self._tell(job, f"this process {known}: handed back for one that does")
        delay = PACE.delay(1 + job.deliveries // DELIVERIES_AT_A_PACE) or PACE.cap_seconds
        return Retry(f"{job.worker} {known}: {what} waits for another worker", delay, refused=True)

    def _step_back(self) -> None:
        longer = SHORTEST_PAUSE_SECONDS * 2.0 ** min(self._in_a_row, 10)
        self._in_a_row += 1
        self._paused_until = self._monotonic() + min(longer, LONGEST_PAUSE_SECONDS)

    def _tell(self, job: Job, why: str) -> None:
        now, kind = self._monotonic(), (job.function, job.payload_version)
        if now - self._told_at.get(kind, float("-inf")) < TELL_EVERY_SECONDS:
            return
        self._told_at[kind] = now
        log.warning(
            "job_not_understood",
            function=job.function,
            payload_version=job.payload_version,
            reason=why,
            action="roll this process on to the release that created the job, or give it the "
            "settings that this kind of job needs",
        )
