"""A step as a job function: whatever its own code says becomes an outcome with its follow-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from pedidos_checkout.domain.checkouts import Checkout
from pedidos_checkout.domain.flow import (
    COMPENSATION,
    FORWARD,
    UNDOES,
    Ending,
    age_seconds,
    follow_ups,
)
from pedidos_checkout.domain.steps import KINDS, Step, step_of
from pedidos_checkout.ports import CheckoutStore, ProviderBusy, ProviderPaused
from pedidos_checkout.ports.providers import ProviderUnavailable
from pedidos_checkout.steps.deferral import deferred
from pedidos_checkout.steps.ends import (
    Do,
    Done,
    Impossible,
    IsDone,
    NotDone,
    Refused,
    Waits,
    never_known,
)
from pedidos_common.domain.jobs import Failed, Job, NewJob, Outcome, Retry, RetryPolicy, Succeeded
from pedidos_common.domain.queues import QueuePolicy
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
DEADLINE_SECONDS = 60.0
UNTIL_CERTAIN = RetryPolicy(max_attempts=1_000_000, base_seconds=2.0, cap_seconds=300.0)
# a call that is under way for longer than this many looks will not end by itself
MOST_BUSY = 30
TOO_LATE = "what this checkout had done is undone already: the customer has to place it anew"


@dataclass(frozen=True, slots=True)
class Around:
    """What every step needs: where checkouts and their jobs are, and how queues are worked."""

    checkouts: CheckoutStore
    ledger: JobLedger
    policies: Mapping[str, QueuePolicy]


@dataclass(frozen=True, slots=True)
class StepFunction:
    """One step. `is_done` tells of one that is to be given up whether it was done all the same."""

    step: Step
    do: Do
    around: Around
    is_done: IsDone = never_known

    def as_function(self) -> JobFunction:
        """As the executor runs it."""
        return JobFunction(
            KINDS[self.step].function,
            self.perform,
            self.give_up,
            retry=self._retry,
            deadline_seconds=lambda _job: DEADLINE_SECONDS,
            queue=KINDS[self.step].queue,
        )

    @property
    def _retry(self) -> RetryPolicy:
        if self.step in UNDOES:
            return UNTIL_CERTAIN
        return self.around.policies[KINDS[self.step].queue].retry

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """Do the step; see `registry.JobFunction`."""
        checkout = await self._checkout_of(job)
        if checkout is None:
            return Failed(f"checkout {job.scope} of this job is not stored any more")
        if await self._is_too_late(job):
            return self._failed(checkout, job, TOO_LATE)
        try:
            end = await self.do(checkout, job, context)
        except ProviderPaused as error:
            if isinstance(error, ProviderBusy) and job.deliveries > MOST_BUSY:
                return await self._after_attempt(job, context, str(error))
            return deferred(error)
        except ProviderUnavailable as error:
            return await self._after_attempt(job, context, str(error))
        if isinstance(end, NotDone):
            return await self._after_attempt(job, context, end.reason)
        return self._outcome(checkout, job, end)

    async def give_up(self, job: Job, context: JobContext, reason: str) -> Outcome:  # noqa: ARG002
        """See `registry.JobFunction`: what it may have done is undone, where it was not done."""
        checkout = await self._checkout_of(job)
        if checkout is None:
            return Failed(reason)
        if not await self._is_too_late(job) and await self.is_done(checkout):
            return self._outcome(checkout, job, Done())
        return self._failed(checkout, job, reason)

    async def _checkout_of(self, job: Job) -> Checkout | None:
        return await self.around.checkouts.get(str(job.payload["checkoutId"]))

    async def _is_too_late(self, job: Job) -> bool:
        """Whether the way back began before: then this was sent again by somebody.

        A first delivery can't have been, so it is spared the look.
        """
        if self.step not in FORWARD or job.deliveries <= 1 or job.scope is None:
            return False
        jobs = self.around.ledger.of_scope(job.scope)
        return any([step_of(other.id) in COMPENSATION async for other in jobs])

    async def _after_attempt(self, job: Job, context: JobContext, reason: str) -> Outcome:
        delay = self._retry.delay(job.attempts + 1)
        if delay is None:
            return await self.give_up(job, context, reason)
        return Retry(reason, delay, counts=True)

    def _outcome(
        self, checkout: Checkout, job: Job, end: Done | Refused | Waits | Impossible
    ) -> Outcome:
        match end:
            case Done(result):
                return Succeeded(result, self._due(checkout, job, Ending.DONE))
            case Refused(code, error):
                log.info("checkout_refused", step=self.step.value, code=code.value)
                result = {"refused": code.value, "error": error}
                return Succeeded(result, self._due(checkout, job, code))
            case Waits(reason, delay_seconds, result):
                return Retry(reason, delay_seconds, result, deferred=True, fresh=True)
            case Impossible(reason):
                return self._failed(checkout, job, reason)

    def _failed(self, checkout: Checkout, job: Job, reason: str) -> Failed:
        return Failed(reason, follow_ups=self._due(checkout, job, Ending.GIVEN_UP))

    def _due(self, checkout: Checkout, job: Job, ending: Ending) -> tuple[NewJob, ...]:
        age = age_seconds(checkout, job.claimed_at)
        return follow_ups(checkout, self.step, ending, self.around.policies, age)
