"""What each of the two processes does: its share of the chunks, built, inserted, updated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, UpdateOne

from bench.layouts.catalogue import Concern, Layout
from bench.layouts.forms import in_form
from bench.running.same_orders import OrderSource
from pedidos_common.adapters.mongo.order_changes import pending, processed
from pedidos_common.domain.generation import GENERATOR_VERSION
from pedidos_common.domain.ids import OrderRange, new_run_id

CHUNK, BATCH, PROCESSES = 10_000, 1_000, 2
SEED = 7
RUN = new_run_id(1_700_000_000_000, 7)
CREATED = datetime(2023, 11, 14, tzinfo=UTC)
DATABASE = "pedidos_bench"


@dataclass(frozen=True, slots=True)
class Task:
    """The share of one process: every second chunk, from `share` on."""

    mongo_uri: str
    layout: Layout
    share: int
    quantity: int


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
            in_form(bytes(document.raw), sequence, task.layout, draw)
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
