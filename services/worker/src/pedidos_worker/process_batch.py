"""Process one batch: a contiguous range of orders of one priority.

Orders that are final are never touched again, so a batch may be run any number of times. A
batch whose worker was lost too often, or that fails as a whole, is split, down to the one order
that is to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pedidos_common.domain.ids import OrderRange, sequence_of
from pedidos_common.domain.jobs import (
    Job,
    Outcome,
    Released,
    Succeeded,
)
from pedidos_common.domain.order_policy import OrderPolicy, policy_of
from pedidos_common.domain.orders import OBSERVATION, Order, Priority, StatusCounts
from pedidos_common.domain.run_jobs import ORDERS_QUEUE, PROCESS_BATCH, UPGRADES, place_of
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.execution.write_limiter import Constant, WriteLimiter
from pedidos_common.ports import OrderStore
from pedidos_worker.handlers import BuiltInHandler, OrderHandler
from pedidos_worker.order_watch import OrderWatch, ignore_orders
from pedidos_worker.settling import deadline_seconds, outcome_of, outcome_of_giving_up
from pedidos_worker.verdicts import Verdicts, judge

SPLIT_PARTS = 10
WRITES_AT_ONCE = 4


def range_of(job: Job) -> OrderRange:
    """The orders that a batch job is about."""
    payload = job.payload
    return OrderRange(UUID(payload["runId"]), int(payload["first"]), int(payload["last"]))


def priority_of_batch(job: Job) -> Priority:
    """The priority of the orders of a batch job."""
    return Priority(job.payload["priority"])


def is_first_run(job: Job) -> bool:
    """Whether nothing ever worked on the orders of this batch before."""
    return job.deliveries == 1 and not place_of(job.id).is_part


async def write_verdicts(
    store: OrderStore,
    orders: Sequence[Order],
    verdicts: Verdicts,
    context: JobContext,
    *,
    first_time: bool,
) -> tuple[int, int]:
    """Write a slice's verdicts; `orders` are all pendente ones between the first and the last.

    Returns how many orders became processado and falhou; a write that the lease's end forestalled
    counts nothing.
    """
    context.ensure_held()
    changed = failed = 0
    if verdicts.alike is not None:
        run_id = UUID(int=orders[0].id.int - sequence_of(orders[0].id))
        covered = OrderRange(run_id, sequence_of(orders[0].id), sequence_of(orders[-1].id))
        changed += await store.mark_processed(
            covered,
            verdicts.alike,
            context.fence,
            verdicts.outliers,
            first_time=first_time,
        )
    changed += await store.mark_each(verdicts.others, context.fence)
    if verdicts.failures:
        written = await store.mark_failures(verdicts.failures, context.fence)
        if written == len(verdicts.failures):
            failed = sum(failure.final for failure in verdicts.failures)
    return changed, failed


class BatchProcessing:
    """The job function `orders.process_batch`, bound to a store and a handler.

    A job that carries no policy (of a run that an earlier release started) has `policy`.
    `writes` says how many batches write at the same time: MongoDB needs the more processor time
    for each update, the more of them it does side by side. `ended` is told of each write of orders.
    """

    def __init__(
        self,
        store: OrderStore,
        handler: OrderHandler,
        policy: OrderPolicy,
        writes: WriteLimiter | None = None,
        ended: OrderWatch = ignore_orders,
    ) -> None:
        self._store, self._handler, self._policy = store, handler, policy
        self._writes = writes or WriteLimiter(Constant(WRITES_AT_ONCE))
        self._ended = ended

    def as_function(self) -> JobFunction:
        """The entry of the registry."""
        return JobFunction(
            PROCESS_BATCH,
            self.perform,
            self.give_up,
            deadline_seconds=self._deadline,
            probe_first=lambda job: len(range_of(job)) == 1,
            upgrades=UPGRADES[PROCESS_BATCH],
            queue=ORDERS_QUEUE,
            has_enough=lambda: self._writes.waiting >= self._writes.limit,
        )

    def _deadline(self, job: Job) -> float:
        timeout = policy_of(job.payload, self._policy).timeout_seconds
        at_once = self._handler.slice_size
        return deadline_seconds(self._handler, len(range_of(job)), at_once, timeout)

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """Take every pendente order of the batch through the handler once."""
        if isinstance(self._handler, BuiltInHandler):
            return await self._process_unseen(job, context)
        return await self._process_in_slices(job, context)

    async def _process_unseen(self, job: Job, context: JobContext) -> Outcome:
        orders = range_of(job)
        text = OBSERVATION[priority_of_batch(job)]
        async with self._writes.writing(len(orders)):
            context.ensure_held()
            changed = await self._store.mark_processed(
                orders, text, context.fence, first_time=is_first_run(job)
            )
        self._ended(priority_of_batch(job), processed=changed)
        return await self._outcome(job, changed, 0, wait=None)

    async def _process_in_slices(self, job: Job, context: JobContext) -> Outcome:
        left, changed, failed, wait = range_of(job), 0, 0, None
        policy = policy_of(job.payload, self._policy)
        while orders := await self._store.read_pending(left, self._handler.slice_size):
            if context.stopping:
                return await self._stopped(job, wait)
            answers = await self._handler.answer(orders, policy.timeout_seconds)
            orders = orders[: len(answers)]
            verdicts = judge(orders, answers, policy.retry)
            async with self._writes.writing(len(orders)):
                written = await write_verdicts(
                    self._store, orders, verdicts, context, first_time=is_first_run(job)
                )
            self._ended(priority_of_batch(job), processed=written[0], failed=written[1])
            changed, failed = changed + written[0], failed + written[1]
            wait = _longest(wait, verdicts.retry_seconds)
            left = OrderRange(left.run_id, sequence_of(orders[-1].id) + 1, left.last)
        return await self._outcome(job, changed, failed, wait)

    async def _stopped(self, job: Job, wait: float | None) -> Outcome:
        """Handed back at once, unless an order has failed in this run: its backoff holds."""
        if wait is None:
            return Released()
        return outcome_of(await self._store.count(range_of(job)), self._handler, wait)

    async def _outcome(self, job: Job, processed: int, failed: int, wait: float | None) -> Outcome:
        """Counted in the store, unless this was the batch's one plain run."""
        whole = StatusCounts(0, processed, failed)
        if whole.total != len(range_of(job)) or not is_first_run(job):
            whole = await self._store.count(range_of(job))
        return outcome_of(whole, self._handler, wait)

    async def give_up(self, job: Job, context: JobContext, reason: str) -> Outcome:
        """Split the batch, as one order of it may be to blame; that one, alone, is `falhou`."""
        orders = range_of(job)
        counts = await self._store.count(orders)
        if len(orders) > 1 and counts.pendente:
            parts = [[part.first, part.last] for part in orders.split(SPLIT_PARTS)]
            return Succeeded({"processed": 0, "failed": 0, "split": parts})
        context.ensure_held()
        ended = await self._store.fail_rest(orders, reason, context.fence)
        self._ended(priority_of_batch(job), failed=ended)
        left = await self._store.count(orders)
        return outcome_of_giving_up(reason, counts, left, self._handler)


def _longest(first: float | None, second: float | None) -> float | None:
    known = [seconds for seconds in (first, second) if seconds is not None]
    return max(known) if known else None
