"""The run of the small world, and how a coroutine of the product is run that never waits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from pedidos_common.domain.ids import OrderRange, new_run_id
from pedidos_common.domain.jobs import NewJob
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.run_jobs import batch_job
from pedidos_common.domain.runs import Phase, Plan, Run
from tests.model.server import NOW

T = TypeVar("T")
RUN = Run(
    new_run_id(1_700_000_000_000, 42),
    Plan(4, chunk_size=4, batch_size=1, normal_group_size=2, seed=1, generator_version=1),
    Phase.GENERATING,
    NOW,
)
BATCHES: tuple[NewJob, ...] = tuple(
    batch_job(RUN, priority, 0, index, OrderRange(RUN.id, number, number))
    for number, (priority, index) in enumerate(
        [(priority, index) for priority in (Priority.VIP, Priority.NORMAL) for index in (0, 1)], 1
    )
)
JOBS = tuple(job.id for job in BATCHES)


def result_of(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    work.close()
    raise AssertionError("it waits: not for the model's server")
