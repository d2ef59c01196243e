"""Execute jobs in this process: claim → perform → settle, within a number of slots."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping

import structlog

from pedidos_common.domain.correlation import ids_of_job
from pedidos_common.domain.errors import LeaseLost, Unavailable
from pedidos_common.domain.jobs import Cancelled, Job, Outcome, Released, Succeeded
from pedidos_common.execution.isolation import Isolation
from pedidos_common.execution.leases import HeldLease, HeldLeases
from pedidos_common.execution.perform import is_suspect, must_give_up, perform, wait_for_server
from pedidos_common.execution.refusals import Refusals
from pedidos_common.execution.registry import JobFunction
from pedidos_common.execution.scope_gate import ScopeGate
from pedidos_common.ports import JobLedger

log = structlog.get_logger(__name__)
CLAIM_PAUSE_SECONDS = 0.5
SETTLE_PAUSE_SECONDS = 0.5
Observe = Callable[[Job, Outcome, float], Awaitable[None]]


async def ignore_settled(_job: Job, _outcome: Outcome, _seconds: float) -> None:
    """The observer that notes nothing."""


class Executor:
    """Takes jobs by id, runs each in a task of its own, and drains at the end.

    `observe(job, outcome, seconds)` is called once for each settled job.
    """

    def __init__(
        self,
        ledger: JobLedger,
        functions: Mapping[str, JobFunction],
        held: HeldLeases,
        gate: ScopeGate,
        worker: str,
        slots: int,
        observe: Observe = ignore_settled,
    ) -> None:
        self._ledger, self._functions = ledger, functions
        self._held, self._gate, self._worker = held, gate, worker
        self._observe = observe
        self._tasks: dict[asyncio.Task[None], HeldLease] = {}
        self._claiming = 0
        self._isolation, self._refusals = Isolation(), Refusals()
        self.slots = slots
        self.stopping = False

    @property
    def busy(self) -> int:
        """Slots in use."""
        return len(self._tasks) + self._claiming

    def free_slots(self) -> int:
        """How many more jobs may be taken now."""
        if self.stopping or self._isolation.wanted:
            return 0
        return self._refusals.room(max(0, self.slots - self.busy))

    async def deliver(self, job_id: str) -> None:
        """Claim the job and start it; returns as soon as the ledger has the claim.

        A job that is not there to be taken ends here, quietly.

        Raises:
            Unavailable: when the ledger can't be reached for a whole lease; the job is rung again.
        """
        self._claiming += 1
        try:
            await self._claim(job_id)
        finally:
            self._claiming -= 1

    async def _claim(self, job_id: str) -> None:
        """Claim it; where the reply was lost, ask again under the same lease id until it is old."""
        lease_id, again = uuid.uuid4().hex, False
        give_up_at = time.monotonic() + self._held.lease_seconds
        while True:
            claimed_at = time.monotonic()
            try:
                job = await self._ledger.claim(job_id, self._worker, lease_id, again=again)
                break
            except Unavailable:
                if self.stopping or time.monotonic() > give_up_at:
                    raise
            again = True
            await asyncio.sleep(CLAIM_PAUSE_SECONDS)
        if job is not None:
            self._start(job, claimed_at)

    def _start(self, job: Job, claimed_at: float) -> None:
        held = self._held.add(job, claimed_at, lambda: self.stopping)
        task = asyncio.create_task(self._execute(job, held), name=f"job {job.id}")
        loop = asyncio.get_running_loop()
        held.on_lost = lambda: void(loop.call_soon_threadsafe(task.cancel))
        self._tasks[task] = held
        task.add_done_callback(self._tasks.pop)

    async def _execute(self, job: Job, held: HeldLease) -> None:
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(**_log_context(job)):
            try:
                outcome = await self._outcome(job, held)
                await self._settle(job, outcome, held)
                await self._note(job, outcome, time.monotonic() - started)
            except LeaseLost:
                log.warning("job_lease_lost", function=job.function)
                # the heartbeat may just have renewed what is given up here: nobody would take it
                await self._hand_back(job, Released(lost=True))
            except asyncio.CancelledError:
                if not held.lost:
                    await self._hand_back(job, Released(), exonerated=held.probing)
            except Exception:
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
        job = function.in_its_form(job)
        if not is_suspect(job) or must_give_up(job, function):
            async with self._isolation.shared():
                return await self._perform(job, held, function)
        async with self._isolation.alone():
            held.ensure_held()
            if not await self._ledger.note_probe(job):
                raise LeaseLost(f"job {job.id} is another worker's by now")
            log.warning("job_probed_alone", function=job.function, probe=job.probes + 1)
            held.probing = True
            return await self._perform(job, held, function)

    async def _perform(self, job: Job, held: HeldLease, function: JobFunction) -> Outcome:
        seconds = function.deadline_seconds(job)
        # past its deadline a job has a moment to settle before its lease is let go
        held.deadline = time.monotonic() + seconds + self._held.lease_seconds
        return await perform(job, held, function)

    async def _settle(self, job: Job, outcome: Outcome, held: HeldLease) -> None:
        held.settling, again = True, False
        while True:
            held.ensure_held()
            try:
                done = await self._ledger.settle(job, outcome, exonerated=held.probing, again=again)
                break
            except Unavailable as error:
                log.warning("job_settle_delayed", error=str(error)[:300])
            again = True
            await asyncio.sleep(SETTLE_PAUSE_SECONDS)
        if not done:
            raise LeaseLost(f"job {job.id} was settled by another")

    async def _note(self, job: Job, outcome: Outcome, seconds: float) -> None:
        await self._observe(job, outcome, seconds)
        quiet = isinstance(outcome, Succeeded | Released) or getattr(outcome, "refused", False)
        emit = log.debug if quiet else log.warning
        emit(
            "job_settled",
            outcome=type(outcome).__name__.lower(),
            function=job.function,
            delivery=job.deliveries,
            seconds=round(seconds, 3),
            reason=getattr(outcome, "reason", None),
        )

    async def _hand_back(self, job: Job, how: Released, *, exonerated: bool = False) -> None:
        """Give the job up; a process that goes on tries for as long as its lease could last."""
        give_up_at = time.monotonic() + self._held.lease_seconds
        while True:
            released = self._ledger.settle(job, how, exonerated=exonerated)
            try:
                await asyncio.wait_for(released, 2.0)
                return
            except (Unavailable, TimeoutError):
                log.warning("job_release_failed", function=job.function)
                if self.stopping or time.monotonic() > give_up_at:
                    return
            await asyncio.sleep(SETTLE_PAUSE_SECONDS)

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


def void(_value: object) -> None:
    """Take a value and return nothing, for callbacks that must return None."""


def _log_context(job: Job) -> dict[str, str]:
    return ids_of_job(job)
