"""Send dead letters again: orders that are `falhou`, and failed jobs that belong to no run."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5

import structlog

from pedidos_common.domain.ids import new_run_id
from pedidos_common.domain.jobs import Band, Job, JobStatus, NewJob
from pedidos_common.domain.orders import OrderStatus
from pedidos_common.domain.queues import RUN_QUEUES
from pedidos_common.domain.run_jobs import ORDERS_QUEUE, PROCESS_ORDERS, payload_version
from pedidos_common.domain.tracing import TraceContext
from pedidos_common.ports import Bell, JobFilter, OrderFilter
from pedidos_orchestrator.best_effort import ring
from pedidos_orchestrator.deps import Deps
from pedidos_orchestrator.problems import ProblemError, not_found

ORDERS_PER_JOB = 200
PAGE_SIZE = 1_000
REVIVE_SECONDS = 2.0
MAX_NAMED_JOBS = 1_000
JOBS_SEEN = 8
PREFIX = "redrive:"

_log = structlog.get_logger()


@dataclass(slots=True)
class Redriven:
    """How much was sent again, and the ids of the (first) jobs that do it.

    `request` is the span that the jobs are below; of the first few, so that its trace stays small.
    """

    request: TraceContext | None = None
    orders: int = 0
    jobs: int = 0
    job_ids: list[str] = field(default_factory=list)
    traced: int = 0

    def trace(self) -> str | None:
        """The `traceparent` for the next job."""
        if self.request is None:
            return None
        self.traced += 1
        sampled = self.request.sampled and self.traced <= JOBS_SEEN
        return replace(self.request, sampled=sampled).traceparent

    def name(self, bells: Sequence[Bell]) -> None:
        """Note the jobs behind these bells, as many as an answer has room for."""
        room = MAX_NAMED_JOBS - len(self.job_ids)
        self.job_ids.extend(bell.job_id for bell in bells[:room])


class Redrive:
    """One redrive at a time in a process, so that no order gets into two jobs of it."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._turn = asyncio.Lock()

    async def all_dead(self, request: TraceContext | None = None) -> Redriven:
        """Every dead order, and every failed job that stands alone; memory stays flat."""
        async with self._turn:
            done = Redriven(request)
            async for orders in self._dead_orders():
                await self._orders(orders, done)
            async for jobs in self._dead_jobs():
                await self._jobs([job for job in jobs if _stands_alone(job)], done)
        _log.info("redriven", orders=done.orders, jobs=done.jobs)
        return done

    async def named(
        self,
        order_ids: Sequence[UUID],
        job_ids: Sequence[str],
        request: TraceContext | None = None,
    ) -> Redriven:
        """These orders (those that are dead) and these failed jobs.

        Raises:
            ProblemError: 404 for an unknown order or job; 409 for a job that can't go alone.
        """
        jobs = [await self._failed_job(job_id) for job_id in job_ids]
        async with self._turn:
            done = Redriven(request)
            await self._orders(await self._dead_among(order_ids), done)
            await self._jobs(jobs, done)
        _log.info("redriven", orders=done.orders, jobs=done.jobs)
        return done

    async def _dead_among(self, order_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these orders that are dead; asked one by one, for there are at most 1,000."""
        dead = []
        for order_id in dict.fromkeys(order_ids):
            record = await self._deps.orders.get(order_id)
            if record is None:
                raise not_found("order", str(order_id))
            if record.status == OrderStatus.FALHOU:
                dead.append(order_id)
        return dead

    async def _dead_orders(self) -> AsyncIterator[list[UUID]]:
        wanted, cursor = OrderFilter(status=OrderStatus.FALHOU), None
        while True:
            page = await self._deps.orders.page(wanted, PAGE_SIZE, cursor)
            yield [record.order.id for record in page.items]
            cursor = page.cursor
            if cursor is None:
                return

    async def _dead_jobs(self) -> AsyncIterator[Sequence[Job]]:
        wanted, cursor = JobFilter(statuses=[JobStatus.FAILED]), None
        while True:
            page = await self._deps.ledger.page(wanted, PAGE_SIZE, cursor)
            yield page.items
            cursor = page.cursor
            if cursor is None:
                return

    async def _orders(self, order_ids: Sequence[UUID], done: Redriven) -> None:
        """The jobs are created before the orders are revived, and rung after it.

        Whatever dies in between, no order is left `pendente` without a job: the reconciler
        rings unrung jobs, and one that comes before the revival finds nothing to do.
        """
        if not order_ids:
            return
        started, now = time.monotonic(), await self._deps.runs.now()
        jobs = [
            self._job(now, order_ids[start : start + ORDERS_PER_JOB], done.trace())
            for start in range(0, len(order_ids), ORDERS_PER_JOB)
        ]
        bells = list(await self._deps.ledger.create(jobs))
        revived = await self._deps.orders.revive(order_ids)
        if revived and time.monotonic() - started > REVIVE_SECONDS:
            # so slow that the reconciler may have rung, and the jobs be over, before the revival
            bells += await self._deps.ledger.create(
                [self._job(now, [order.id for order in revived], done.trace())]
            )
        await self._ring(bells)
        done.orders += len(revived)
        done.name(bells)

    def _job(self, now: datetime, order_ids: Sequence[UUID], trace: str | None) -> NewJob:
        milliseconds = int(now.timestamp() * 1000)
        return NewJob(
            id=f"{PREFIX}{new_run_id(milliseconds, secrets.randbits(34))}",
            function=PROCESS_ORDERS,
            queue=ORDERS_QUEUE,
            band=Band.NORMAL,
            payload={"orderIds": [str(order_id) for order_id in order_ids]},
            payload_version=payload_version(PROCESS_ORDERS),
            trace=trace,
        )

    async def _ring(self, bells: Sequence[Bell]) -> None:
        if bells and await ring(self._deps.transport, bells):
            await self._deps.ledger.rang(bells)

    async def _failed_job(self, job_id: str) -> Job:
        job = await self._deps.ledger.get(job_id)
        if job is None:
            raise not_found("job", job_id)
        if job.status is not JobStatus.FAILED:
            raise ProblemError(
                409, f"job {job.id} is {job.status.value}, not failed", slug="job-not-failed"
            )
        if job.queue not in RUN_QUEUES:
            raise ProblemError(
                409,
                f"job {job.id} belongs to no run: GET /api/queues/{job.queue}/dead-letters lists "
                "what failed like it, and how to send that again",
                slug="job-of-a-queue",
            )
        if job.scope is not None:
            raise ProblemError(
                409,
                f"job {job.id} belongs to run {job.scope}: send its orders again (orderIds), "
                f"or resume the run (POST /pedidos/runs/{job.scope}/resume)",
                slug="job-of-a-run",
            )
        return job

    async def _jobs(self, jobs: Sequence[Job], done: Redriven) -> None:
        wanted = [job for job in jobs if job.function != PROCESS_ORDERS]
        bells = await self._deps.ledger.create([_again(job) for job in wanted])
        await self._ring(bells)
        done.jobs += len(bells)
        done.name(bells)


def _stands_alone(job: Job) -> bool:
    """Whether it is of no run, and neither of what has a redrive of its own."""
    return job.scope is None and job.queue in RUN_QUEUES


def _again(job: Job) -> NewJob:
    """A copy of a failed job under an id that follows from its own: asked twice, made once."""
    return NewJob(
        id=f"{PREFIX}{uuid5(NAMESPACE_OID, job.id)}",
        function=job.function,
        queue=job.queue,
        band=job.band,
        payload=job.payload,
        max_deliveries=job.max_deliveries,
        payload_version=job.payload_version,
        trace=job.trace,
    )
