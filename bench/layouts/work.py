"""Two processes that insert chunks and update batches under one layout, and what that costs."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.pool import Pool
from typing import Any

from bench.layouts.catalogue import Layout
from bench.layouts.shares import DATABASE, PROCESSES, Task, build, insert, update
from bench.running.database import dropped

STEP_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one layout. Processor seconds are mongod's, for 100,000 orders."""

    inserts_per_second: float
    updates_per_second: float
    insert_cpu_seconds_per_100k: float
    update_cpu_seconds_per_100k: float
    data_bytes_per_order: float
    storage_bytes_per_order: float
    index_bytes_per_order: float


class Processes:
    """The two processes; each keeps its connections and its documents between the steps."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._pools = pools

    def each(self, step: Callable[[Task], None], uri: str, layout: Layout, quantity: int) -> float:
        """Seconds until both are done with the step.

        Raises:
            multiprocessing.TimeoutError: when one is not done after `STEP_SECONDS`.
        """
        started = time.perf_counter()
        running = [
            pool.apply_async(step, (Task(uri, layout, share, quantity),))
            for share, pool in enumerate(self._pools)
        ]
        for one in running:
            one.get(STEP_SECONDS)
        return time.perf_counter() - started


@contextmanager
def processes() -> Iterator[Processes]:
    """Start the processes, and end them."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        yield Processes([stack.enter_context(context.Pool(1)) for _ in range(PROCESSES)])


def measure(client: Any, uri: str, layout: Layout, quantity: int, both: Processes) -> Measured:
    """One round on a fresh collection."""
    orders = prepare(client, layout)
    both.each(build, uri, layout, quantity)
    before = server_cpu(client)
    inserting = both.each(insert, uri, layout, quantity)
    between = server_cpu(client)
    updating = both.each(update, uri, layout, quantity)
    after = server_cpu(client)
    check_done(orders, quantity)
    scale = quantity / 100_000
    return Measured(
        round(quantity / inserting),
        round(quantity / updating),
        round((between - before) / scale, 3),
        round((after - between) / scale, 3),
        *sizes(client, quantity),
    )


def prepare(client: Any, layout: Layout) -> Any:
    """An empty collection of that layout, on a server that has written down all before."""
    dropped(client, DATABASE)
    clustered = {"clusteredIndex": {"key": {"_id": 1}, "unique": True}} if layout.clustered else {}
    orders = client[DATABASE].create_collection("orders", **clustered)
    for index in layout.indexes:
        index.create(orders)
    return orders


def check_done(orders: Any, quantity: int) -> None:
    """Every order was written and updated: else the figures mean nothing.

    Raises:
        RuntimeError: how many were not.
    """
    done = orders.count_documents({"status": "processado"})
    if done != quantity:
        raise RuntimeError(f"{done:,} of {quantity:,} orders were updated: the bench is wrong")


def server_cpu(client: Any) -> float:
    """Processor seconds that mongod has used."""
    usage = client.admin.command("serverStatus")["extra_info"]
    return float(usage["user_time_us"] + usage["system_time_us"]) / 1e6


def sizes(client: Any, quantity: int) -> tuple[float, float, float]:
    """Bytes an order: as BSON, on disk, and of all indexes on disk."""
    client.admin.command("fsync")
    stats = client[DATABASE].command("collStats", "orders")
    kinds = ("size", "storageSize", "totalIndexSize")
    data, storage, index = (round(stats[kind] / quantity, 1) for kind in kinds)
    return data, storage, index
