"""The floor: the same orders written and updated by two processes that do nothing else.

No ledger, no leases, no broker, no phases but one barrier between VIP and NORMAL: each process
takes every second chunk, inserts it in one `insert_many`, and later updates it in the same
ranges as the pipeline's batches, with the same write concern.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from multiprocessing.synchronize import Barrier
from typing import Any
from uuid import UUID

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection

from bench.running.measure import ProcessUse, own_use
from bench.running.same_orders import OrderSource
from pedidos_common.domain.ids import OrderRange

PROCESSES = 2
STAGES = ("generate", "vip", "normal")
WORDING = {"VIP": "enviado com prioridade", "NORMAL": "processado sem prioridade"}
STEP_SECONDS = 1_800.0


@dataclass(frozen=True, slots=True)
class BareTask:
    """What to write where; sizes are numbers of orders, `created_at` is one for each chunk."""

    mongo_uri: str
    database: str
    run_id: UUID
    quantity: int
    chunk_size: int
    batch_size: int
    seed: int
    generator_version: int
    created_at: Sequence[datetime]
    prebuilt: bool = False


@dataclass(frozen=True, slots=True)
class BareTimes:
    """Wall-clock seconds of each step, and what the loop's processes used.

    `stage_cpu` has CPU seconds by stage (`STAGES`) and process, the server's as `mongod`.
    """

    insert_seconds: float
    vip_seconds: float
    normal_seconds: float
    processes: tuple[ProcessUse, ...]
    stage_cpu: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def total_seconds(self) -> float:
        """From the first insert to the last update."""
        return self.insert_seconds + self.vip_seconds + self.normal_seconds


def run_bare_loop(task: BareTask, server_cpu: Callable[[], float] = lambda: 0.0) -> BareTimes:
    """Run the loop in two processes of their own; the collection must be there, and empty.

    `server_cpu` gives the CPU seconds that the server has used until now.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES + 1, timeout=STEP_SECONDS)
    with context.Pool(PROCESSES, _adopt, (barrier,)) as pool:
        use = pool.starmap_async(_work, [(task, index) for index in range(PROCESSES)], chunksize=1)
        marks, server = [], []
        for _ in range(4):
            barrier.wait()
            marks.append(time.perf_counter())
            server.append(server_cpu())
        worked = use.get(timeout=STEP_SECONDS)
    insert, vip, normal = (after - before for before, after in pairwise(marks))
    return BareTimes(
        insert, vip, normal, tuple(one for one, _ in worked), _by_stage(worked, server)
    )


def _by_stage(
    worked: Sequence[tuple[ProcessUse, Sequence[float]]], server: Sequence[float]
) -> dict[str, dict[str, float]]:
    return {
        stage: {"mongod": round(server[n + 1] - server[n], 2)}
        | {use.name: round(marks[n + 1] - marks[n], 2) for use, marks in worked}
        for n, stage in enumerate(STAGES)
    }


_barrier: Barrier | None = None


def _adopt(barrier: Barrier) -> None:
    """A pool hands a barrier over only when its processes start."""
    global _barrier  # noqa: PLW0603 - one per process, set once at its start
    _barrier = barrier


def _work(task: BareTask, index: int) -> tuple[ProcessUse, list[float]]:
    if _barrier is None:
        raise RuntimeError("the process was started without its barrier")
    source = OrderSource(task.seed, task.generator_version)
    chunks = [
        OrderRange(task.run_id, first, min(first + task.chunk_size - 1, task.quantity))
        for first in range(1, task.quantity + 1, task.chunk_size)
    ][index::PROCESSES]
    times = task.created_at[index::PROCESSES]
    work = list(zip(chunks, times, strict=True))
    built = [source.build(chunk, at) for chunk, at in work] if task.prebuilt else []
    with MongoClient[dict[str, Any]](task.mongo_uri, uuidRepresentation="standard") as client:
        concern = WriteConcern(w="majority", j=True)
        orders = client[task.database].get_collection("orders", write_concern=concern)
        orders.find_one({})
        used = [own_use("").cpu_seconds]
        _barrier.wait()
        vip = [
            _insert(orders, built[n] if built else source.build(chunk, at))
            for n, (chunk, at) in enumerate(work)
        ]
        used.append(own_use("").cpu_seconds)
        _barrier.wait()
        _update(orders, "VIP", [_part(c, 0, v) for c, v in zip(chunks, vip, strict=True)], task)
        used.append(own_use("").cpu_seconds)
        _barrier.wait()
        rest = [_part(c, v, len(c)) for c, v in zip(chunks, vip, strict=True)]
        _update(orders, "NORMAL", rest, task)
        _barrier.wait()
    use = own_use(f"bare loop {index}")
    return use.since(used[0]), [*used, use.cpu_seconds]


def _insert(
    orders: Collection[dict[str, Any]], built: tuple[int, Sequence[RawBSONDocument]]
) -> int:
    vip, documents = built
    orders.insert_many(documents, ordered=False)
    return vip


def _part(chunk: OrderRange, start: int, stop: int) -> OrderRange:
    return OrderRange(chunk.run_id, chunk.first + start, chunk.first + stop - 1)


def _update(
    orders: Collection[dict[str, Any]], priority: str, parts: Sequence[OrderRange], task: BareTask
) -> None:
    change = {
        "$set": {"status": "processado", "observacoes": WORDING[priority]},
        "$currentDate": {"processedAt": True},
        "$inc": {"attempts": 1},
        "$unset": {"error": ""},
    }
    for part in parts:
        for batch in part.split(-(-len(part) // task.batch_size)):
            between = {"$gte": batch.low, "$lte": batch.high}
            orders.update_many({"_id": between, "status": "pendente"}, change)
