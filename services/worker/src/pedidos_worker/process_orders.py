"""Process single orders, named by id: what a redrive of dead letters asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

from pedidos_common.domain.jobs import Job, Outcome, Released
from pedidos_common.domain.order_policy import OrderPolicy
from pedidos_common.domain.orders import (
    Order,
    OrderFailure,
    OrderStatus,
    Priority,
    StatusCounts,
)
from pedidos_common.domain.run_jobs import PROCESS_ORDERS, UPGRADES
from pedidos_common.execution.registry import JobContext, JobFunction
from pedidos_common.ports import OrderStore
from pedidos_worker.handlers import OrderHandler
from pedidos_worker.order_watch import OrderWatch, ignore_orders
from pedidos_worker.settling import deadline_seconds, outcome_of, outcome_of_giving_up
from pedidos_worker.verdicts import Verdicts, judge


def ids_of(job: Job) -> list[UUID]:
    """The orders that the job names."""
    return [UUID(text) for text in job.payload["orderIds"]]


class OrderProcessing:
    """The job function `orders.process_orders`, bound to a store and a handler.

    `ended` is told of each write of orders.
    """

    def __init__(
        self,
        store: OrderStore,
        handler: OrderHandler,
        policy: OrderPolicy,
        ended: OrderWatch = ignore_orders,
    ) -> None:
        self._store, self._handler, self._policy = store, handler, policy
        self._ended = ended

    def as_function(self) -> JobFunction:
        """The entry of the registry."""
        return JobFunction(
            PROCESS_ORDERS,
            self.perform,
            self.give_up,
            deadline_seconds=self._deadline,
            upgrades=UPGRADES[PROCESS_ORDERS],
        )

    def _deadline(self, job: Job) -> float:
        timeout, at_once = self._policy.timeout_seconds, self._slice_size(job)
        return deadline_seconds(self._handler, len(ids_of(job)), at_once, timeout)

    def _slice_size(self, job: Job) -> int:
        return 1 if job.lost else self._handler.slice_size

    async def perform(self, job: Job, context: JobContext) -> Outcome:
        """Take each named order that is pendente through the handler once."""
        wait: float | None = None
        for ids in self._slices(job):
            orders = await self._store.read_pending_among(ids)
            while orders:
                if context.stopping:
                    return await self._stopped(job, wait)
                answers = await self._handler.answer(orders, self._policy.timeout_seconds)
                done, orders = orders[: len(answers)], orders[len(answers) :]
                verdicts = judge(done, answers, self._policy.retry)
                await self._write(done, verdicts, context)
                if verdicts.retry_seconds is not None:
                    wait = max(wait or 0.0, verdicts.retry_seconds)
        return outcome_of(await self._count(job), self._handler, wait)

    def _slices(self, job: Job) -> Iterator[list[UUID]]:
        """The orders in slices; one by one, there and back, once a worker was lost with them.

        A job without a run can't be split. This way each order before one that kills its worker
        ends in one pass and each behind it in the next, and only that one is given up.
        """
        ids, size = ids_of(job), self._slice_size(job)
        if job.lost % 2:
            ids.reverse()
        for start in range(0, len(ids), size):
            yield ids[start : start + size]

    async def _write(
        self, orders: Sequence[Order], verdicts: Verdicts, context: JobContext
    ) -> None:
        texts = verdicts.others | {
            order.id: verdicts.alike
            for order in orders
            if verdicts.alike is not None and order.id not in verdicts.outliers
        }
        context.ensure_held()
        for priority, ids in _by_priority(orders):
            mine = {order_id: text for order_id, text in texts.items() if order_id in ids}
            changed = await self._store.mark_each(mine, context.fence)
            self._ended(priority, processed=changed)
        await self._write_failures(orders, verdicts.failures, context)

    async def _write_failures(
        self, orders: Sequence[Order], failures: Sequence[OrderFailure], context: JobContext
    ) -> None:
        for priority, ids in _by_priority(orders):
            mine = [failure for failure in failures if failure.id in ids]
            # apart, as the store counts what it changed: some may have ended elsewhere meanwhile
            final = [failure for failure in mine if failure.final]
            self._ended(priority, failed=await self._store.mark_failures(final, context.fence))
            later = [failure for failure in mine if not failure.final]
            await self._store.mark_failures(later, context.fence)

    async def _stopped(self, job: Job, wait: float | None) -> Outcome:
        if wait is None:
            return Released()
        return outcome_of(await self._count(job), self._handler, wait)

    async def _count(self, job: Job) -> StatusCounts:
        """How the named orders stand: a job that ran more than once can't know it by itself."""
        found = [await self._store.get(order_id) for order_id in ids_of(job)]
        standing = Counter(str(record.status) for record in found if record is not None)
        return StatusCounts(**{status.value: standing[status.value] for status in OrderStatus})

    async def give_up(self, job: Job, context: JobContext, reason: str) -> Outcome:
        """What is left becomes `falhou` again."""
        orders = await self._store.read_pending_among(ids_of(job))
        context.ensure_held()
        failures = [OrderFailure(order.id, reason, final=True) for order in orders]
        await self._write_failures(orders, failures, context)
        before = StatusCounts(pendente=len(orders))
        return outcome_of_giving_up(reason, before, await self._count(job), self._handler)


def _by_priority(orders: Sequence[Order]) -> Iterator[tuple[Priority, set[UUID]]]:
    """The ids of the orders of each priority that has some."""
    for priority in Priority:
        ids = {order.id for order in orders if order.priority is priority}
        if ids:
            yield priority, ids
