"""The jobs of a run: their ids, and how each follows from the run's frozen plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pedidos_common.domain import queues
from pedidos_common.domain.ids import OrderRange
from pedidos_common.domain.jobs import Band, NewJob
from pedidos_common.domain.order_policy import policy_payload
from pedidos_common.domain.orders import Priority
from pedidos_common.domain.payloads import Upgrade, newest_version
from pedidos_common.domain.run_spans import batch_trace, chunk_trace
from pedidos_common.domain.runs import Run, Source

GENERATE_CHUNK = "orders.generate_chunk"
IMPORT_CHUNK = "orders.import_chunk"
PROCESS_BATCH = "orders.process_batch"
PROCESS_ORDERS = "orders.process_orders"
NOTIFY_RUN_ENDED = "runs.notify_ended"
GENERATION_QUEUE = queues.GENERATION
ORDERS_QUEUE = queues.ORDERS
NOTIFICATIONS_QUEUE = queues.NOTIFICATIONS
BAND_OF = {Priority.VIP: Band.HIGH, Priority.NORMAL: Band.NORMAL}
_LANE_OF = {Priority.VIP: "vip", Priority.NORMAL: "normal"}
_PRIORITY_OF = {lane: priority for priority, lane in _LANE_OF.items()}
# What makes each version of a kind's payload of the one before, from version 1 on. A release that
# changes a payload adds its upgrade here, in the same commit. The engine reads `first`, `last` and
# `priority` of jobs of any release as they are, so these stay in every version.
UPGRADES: Mapping[str, tuple[Upgrade, ...]] = {
    GENERATE_CHUNK: (),
    IMPORT_CHUNK: (),
    PROCESS_BATCH: (),
    PROCESS_ORDERS: (),
    NOTIFY_RUN_ENDED: (),
}
CHUNK_MAX_LOST = 5
BATCH_MAX_LOST = 3
PART_MAX_LOST = 2


def payload_version(function: str) -> int:
    """The version of the payloads that this release writes for a kind of job."""
    return newest_version(UPGRADES[function])


def chunk_job_id(scope: str, index: int) -> str:
    """The id of the job that writes chunk `index`."""
    return f"{scope}:chunk:{index:06d}"


def batch_job_id(scope: str, priority: Priority, chunk: int, index: int) -> str:
    """The id of the job that processes batch `index` of a chunk's priority."""
    return f"{scope}:{_LANE_OF[priority]}:{chunk:06d}:{index:05d}"


class Place(NamedTuple):
    """Where a job stands in its run; `priority` is None for the job that writes a chunk."""

    priority: Priority | None
    chunk: int
    number: int
    is_part: bool


def place_of(job_id: str) -> Place:
    """Read a job's place from its id; parts of a split batch have `/number` behind it."""
    _, lane, chunk, *rest = job_id.split(":")
    head, *parts = rest[0].split("/") if rest else ("0",)
    return Place(_PRIORITY_OF.get(lane), int(chunk), int(head), bool(parts))


def chunk_job(run: Run, index: int) -> NewJob:
    """The job that writes chunk `index`."""
    first, last = run.plan.chunk_bounds(index)
    imported = run.plan.source is Source.IMPORTED
    function = IMPORT_CHUNK if imported else GENERATE_CHUNK
    payload: dict[str, Any] = {
        "runId": run.scope,
        "index": index,
        "first": first,
        "last": last,
        "seed": run.plan.seed,
        "generatorVersion": run.plan.generator_version,
        **({"importId": run.plan.import_id} if imported else {}),
    }
    return NewJob(
        id=chunk_job_id(run.scope, index),
        function=function,
        queue=GENERATION_QUEUE,
        band=Band.NORMAL,
        payload=payload,
        scope=run.scope,
        max_deliveries=CHUNK_MAX_LOST,
        payload_version=payload_version(function),
        trace=chunk_trace(run, index),
    )


def batch_job(
    run: Run, priority: Priority, chunk: int, index: int, orders: OrderRange, delivery: int = 1
) -> NewJob:
    """The job that processes one batch; `delivery` is which one of the chunk's job wrote it."""
    job_id = batch_job_id(run.scope, priority, chunk, index)
    return _range_job(run, job_id, priority, orders, BATCH_MAX_LOST, delivery)


def part_job(run: Run, job_id: str, part: OrderRange, delivery: int = 1) -> NewJob:
    """The job for one part of a split batch; one lost worker splits it again."""
    priority = place_of(job_id).priority or Priority.NORMAL
    return _range_job(run, job_id, priority, part, PART_MAX_LOST, delivery)


def _range_job(
    run: Run, job_id: str, priority: Priority, orders: OrderRange, max_lost: int, delivery: int
) -> NewJob:
    place = place_of(job_id)
    chunk_job_name = chunk_job_id(run.scope, place.chunk)
    return NewJob(
        id=job_id,
        function=PROCESS_BATCH,
        queue=ORDERS_QUEUE,
        band=BAND_OF[priority],
        payload={
            "runId": run.scope,
            "chunk": place.chunk,
            "index": place.number,
            "priority": priority.value,
            "first": orders.first,
            "last": orders.last,
            "policy": policy_payload(run.settings),
        },
        scope=run.scope,
        max_deliveries=max_lost,
        payload_version=payload_version(PROCESS_BATCH),
        trace=batch_trace(run, place.chunk, place.number, chunk_job_name, delivery),
    )
