"""Execute jobs in this process: claim → perform → settle, within a number of slots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from pedidos_common.domain.correlation import ids_of_job
from pedidos_common.domain.errors import LeaseLost, Unavailable
from pedidos_common.domain.jobs import Cancelled, Failed, Job, Outcome, Released, Retry, Succeeded
from pedidos_common.execution.asking import Asking
from pedidos_common.execution.follow_ups import Follow, Following, ring_nobody
from pedidos_common.execution.isolation import Isolation
from pedidos_common.execution.job_watch import JobWatch, UnwatchedJobs
from pedidos_common.execution.leases import HeldLease, HeldLeases
from pedidos_common.execution.perform import (
    is_suspect,
    must_give_up,
    perform,
    wait_for_repair,
    wait_for_server,
)
from pedidos_common.execution.refusals import Refusals
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.execution.slots import Slots
from pedidos_common.execution.turns import Turns
from pedidos_common.ports import JobLedger, Span, Tracing, Untraced

log = structlog.get_logger(__name__)
Observe = Callable[[Job, Outcome, float], Awaitable[None]]


async def ignore_settled(_job: Job, _outcome: Outcome, _seconds: float) -> None:
    """The observer that notes nothing."""


class Executor:
    """Takes jobs by id, runs each in a task of its own, and drains at the end.

    `slots` is a number that all queues share, or says more. `observe(job, outcome, seconds)` is
    called once for each settled job; `watch` is told of more. `follow(bells)` is handed the bells
    of the jobs that follow from settled ones. `turns` lets jobs begin as their queues' rates allow.
    """

    def __init__(
        self,
        ledger: JobLedger,
        functions: Mapping[str, JobFunction],
        held: HeldLeases,
        gate: ScopeGate,
        worker: str,
        slots: int | Slots,
        observe: Observe = ignore_settled,
        watch: JobWatch | None = None,
        tracing: Tracing | None = None,
        follow: Follow = ring_nobody,
        turns: Turns | None = None,
    ) -> None:
        self._ledger, self._functions = ledger, functions
        self._held, self._gate = held, gate
        self._asking = Asking(ledger, worker, held.lease_seconds, lambda: self.stopping)
        self._observe, self._watch = observe, watch or UnwatchedJobs()
        self._tracing = tracing or Untraced()
        self._following = Following(ledger, follow)
        self._turns = turns or Turns()
        self._tasks: dict[asyncio.Task[None], HeldLease] = {}
        self._isolation, self._refusals = Isolation(), Refusals()
        self.slots = Slots(slots) if isinstance(slots, int) else slots
        self.stopping = False

    @property
    def busy(self) -> int:
        """Slots in use."""
        return self.slots.busy

    def free_slots(self, queue: str | None = None) -> int:
        """How many more jobs may be taken now, of this queue."""
        if self.stopping or self._isolation.wanted:
            return 0
        if any(f.queue == queue and f.has_enough() for f in self._functions.values()):
            return 0
        if queue is not None and not self._turns.may_come(queue):
            return 0
        return self._refusals.room(self.slots.free(queue))

    async def deliver(self, job_id: str, queue: str = "") -> None:
        """Claim the job and start it; returns as soon as the ledger has the claim.

        A job that is not there to be taken ends here, quietly. `queue` is whose slot it takes
        until that is known.

        Raises:
            Unavailable: when the ledger can't be reached for a whole lease; the job is rung again.
        """
        self.slots.take(queue)
        try:
            claimed = await self._asking.claim(job_id)
            if claimed is not None:
                self._start(*claimed)
        finally:
            self.slots.give_back(queue)

    def _start(self, job: Job, claimed_at: float) -> None:
        self._watch.claimed(job)
        held = self._held.add(job, claimed_at, lambda: self.stopping)
        task = asyncio.create_task(self._execute(job, held), name=f"job {job.id}")
        loop = asyncio.get_running_loop()
        held.on_lost = lambda: void(loop.call_soon_threadsafe(task.cancel))
        self._tasks[task] = held
        self.slots.take(job.queue)
        task.add_done_callback(self._tasks.pop)
        task.add_done_callback(lambda _task: self.slots.give_back(job.queue))

    async def _execute(self, job: Job, held: HeldLease) -> None:
        started = time.monotonic()
        with (
            structlog.contextvars.bound_contextvars(**_log_context(job)),
            self._tracing.job(job) as span,
        ):
            try:
                outcome = await self._outcome(job, held)
                await self._asking.settle(job, outcome, held)
                await self._following.make(job, outcome)
                await self._note(job, outcome, time.monotonic() - started)
                _note_end(span, outcome)
            except LeaseLost:
                log.warning("job_lease_lost", function=job.function)
                span.fail("its lease was lost")
                self._watch.lease_lost(job)
                # the heartbeat may just have renewed what is given up here: nobody would take it
                await self._asking.hand_back(job, Released(lost=True))
            except asyncio.CancelledError:
                if held.lost:
                    span.fail("its lease was lost")
                    self._watch.lease_lost(job)
                else:
                    await self._asking.hand_back(job, Released(), exonerated=held.probing)
            except Exception:
                span.fail("it was left to its lease")
                log.exception("job_left_to_its_lease", function=job.function)
            finally:
                self._held.remove(held)

    async def _outcome(self, job: Job, held: HeldLease) -> Outcome:
        try:
            if not await self._gate.is_open(job.scope):
                return Cancelled()
            return await self._in_turn(job, held)
        except Unavailable as error:  # no worker is lost with a server that is away
            return wait_for_server(job, error)

    async def _in_turn(self, job: Job, held: HeldLease) -> Outcome:
        function = self._functions.get(job.function)
        if function is None or not function.understands(job):
            return self._refusals.hand_back(job, function)
        self._refusals.understood()
        try:
            job, patience, alone = self._begun(job, function)
        except Exception as error:  # noqa: BLE001 - nothing but its payload was looked at
            return wait_for_repair(job, error)
        if (too_early := await self._turns.turn(job.queue, lambda: self.stopping)) is not None:
            return too_early
        if not alone:
            async with self._isolation.shared():
                held.deadline = time.monotonic() + patience
                return await perform(job, held, function)
        async with self._isolation.alone():
            held.ensure_held()
            if not await self._ledger.note_probe(job):
                raise LeaseLost(f"job {job.id} is another worker's by now")
            log.warning("job_probed_alone", function=job.function, probe=job.probes + 1)
            held.probing = True
            held.deadline = time.monotonic() + patience
            return await perform(job, held, function)

    def _begun(self, job: Job, function: JobFunction) -> tuple[Job, float, bool]:
        """The job as the function reads it, for how long it is held, and whether alone."""
        job = function.in_its_form(job)
        alone = is_suspect(job) and not must_give_up(job, function)
        # past its deadline a job has a moment to settle before its lease is let go
        return job, function.deadline_seconds(job) + self._held.lease_seconds, alone

    async def _note(self, job: Job, outcome: Outcome, seconds: float) -> None:
        await self._observe(job, outcome, seconds)
        emit = log.debug if _is_quiet(outcome) else log.warning
        emit(
            "job_settled",
            outcome=type(outcome).__name__.lower(),
            function=job.function,
            delivery=job.deliveries,
            seconds=round(seconds, 3),
            reason=getattr(outcome, "reason", None),
        )

    async def drain(self, timeout_seconds: float) -> None:
        """Take nothing new, let jobs end (bounded), then hand back what is left."""
        self.stopping = True
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout_seconds)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        if left:
            log.warning("jobs_handed_back", count=len(left))
            await asyncio.wait(left, timeout=5.0)
        await self._following.note()


def void(_value: object) -> None:
    """Take a value and return nothing, for callbacks that must return None."""


def _is_quiet(outcome: Outcome) -> bool:
    """Whether nothing went wrong, or somebody else tells it: a refusal has a line of its own."""
    if isinstance(outcome, Retry):
        return outcome.refused or outcome.deferred
    return isinstance(outcome, Succeeded | Released)


def _note_end(span: Span, outcome: Outcome) -> None:
    span.note({"pedidos.outcome": type(outcome).__name__.lower()})
    if isinstance(outcome, Failed) or (isinstance(outcome, Retry) and not outcome.refused):
        span.fail(outcome.reason)


def _log_context(job: Job) -> dict[str, str]:
    return ids_of_job(job)
