"""Two processes that insert chunks and update batches under one layout, and what that costs."""

from __future__ import annotations

import multiprocessing
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.pool import Pool
from random import Random
from typing import Any
from uuid import UUID

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, UpdateOne

from bench.layouts.catalogue import Concern, IdForm, Layout
from bench.running.database import dropped
from bench.running.same_orders import OrderSource
from pedidos_common.adapters.mongo.encoding import EncodedDocument, string_field
from pedidos_common.adapters.mongo.order_changes import pending, processed
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import OrderRange, new_run_id

CHUNK, BATCH, PROCESSES = 10_000, 1_000, 2
SEED = 7
RUN = new_run_id(1_700_000_000_000, 7)
CREATED = datetime(2023, 11, 14, tzinfo=UTC)
DATABASE = "pedidos_bench"
STEP_SECONDS = 600.0
# behind a document's length: the element `_id`, a binary of 16 bytes
_BODY_FROM = 4 + len(b"\x05_id\x00") + 5 + 16


@dataclass(frozen=True, slots=True)
class Task:
    """The share of one process: every second chunk, from `share` on."""

    mongo_uri: str
    layout: Layout
    share: int
    quantity: int


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


# -- in the processes


@cache
def _collection(uri: str, concern: Concern) -> Any:
    client: Any = MongoClient(uri, uuidRepresentation="standard", tz_aware=True)
    return client[DATABASE].get_collection("orders", write_concern=concern.of_driver)


@cache
def _source() -> OrderSource:
    return OrderSource(SEED, GENERATOR_VERSION)


@dataclass(slots=True)
class _Built:
    """A process's documents chunk by chunk, and the queries of each of its batches."""

    chunks: list[list[RawBSONDocument]]
    batches: list[list[dict[str, Any]]]


@cache
def _built() -> _Built:
    return _Built([], [])


def _chunks(task: Task) -> Iterator[OrderRange]:
    for first in range(1 + task.share * CHUNK, task.quantity + 1, CHUNK * PROCESSES):
        yield OrderRange(RUN, first, min(first + CHUNK - 1, task.quantity))


def build(task: Task) -> None:
    """Put documents and queries together, and connect, before a clock runs."""
    draw, built = Random(task.share), _built()
    built.chunks = [
        [
            _in_form(bytes(document.raw), sequence, task.layout, draw)
            for sequence, document in enumerate(_source().build(chunk, CREATED)[1], chunk.first)
        ]
        for chunk in _chunks(task)
    ]
    built.batches = [
        [_guarded(which, task.layout) for which in _named(task.layout, documents[n : n + BATCH])]
        for documents in built.chunks
        for n in range(0, len(documents), BATCH)
    ]
    _collection(task.mongo_uri, task.layout.concern).find_one({})


def _guarded(which: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """The query of an update, with the lease's end or without."""
    query = pending(which, datetime.now(UTC) + timedelta(hours=1))
    if not layout.fenced:
        del query["$expr"]
    return query


def external_id(sequence: int) -> str:
    """The external id of an order; they come in no order, which costs an index most."""
    return f"loja-{sequence * 2_654_435_761 % (1 << 40):013d}"


def _in_form(raw: bytes, sequence: int, layout: Layout, draw: Random) -> EncodedDocument:
    """The order's document with the layout's form of id."""
    body = raw[_BODY_FROM:-1]
    head = raw[4:_BODY_FROM]
    if layout.ids is IdForm.RANDOM_UUID:
        head = string_field("_id", _uuid(draw))
    elif layout.ids is IdForm.OBJECT_ID:
        head = b"\x07_id\x00" + ObjectId().binary + string_field("uuid", _uuid(draw))
    if layout.external:
        body += string_field("externalId", external_id(sequence))
    return EncodedDocument(struct.pack("<i", 5 + len(head) + len(body)) + head + body + b"\x00")


def _uuid(draw: Random) -> str:
    return str(UUID(int=draw.getrandbits(128), version=4))


def insert(task: Task) -> None:
    """Insert the process's chunks, each in one call."""
    orders = _collection(task.mongo_uri, task.layout.concern)
    for documents in _built().chunks:
        orders.insert_many(documents, ordered=False)


def update(task: Task) -> None:
    """Update the process's chunks in batches, each in one call."""
    orders = _collection(task.mongo_uri, task.layout.concern)
    change = processed("processado sem prioridade")
    for queries in _built().batches:
        if len(queries) == 1:
            orders.update_many(queries[0], change)
        else:
            orders.bulk_write([UpdateOne(query, change) for query in queries], ordered=False)


def _named(layout: Layout, documents: Sequence[RawBSONDocument]) -> list[dict[str, Any]]:
    """What names the orders of a batch: its bounds, all their ids at once, or each by itself."""
    if layout.updates_by == "id range":
        return [{"_id": {"$gte": documents[0]["_id"], "$lte": documents[-1]["_id"]}}]
    ids = [document["_id"] for document in documents]
    if layout.updates_by == "id list":
        return [{"_id": {"$in": ids}}]
    return [{"_id": one} for one in ids]
