"""What each index and each guard costs: the same inserts and updates under several layouts.

    .venv/bin/python bench/layouts.py --mongo-uri mongodb://127.0.0.1:27017 [--orders 500000]

Two processes insert chunks of 10,000 orders and then update ranges of 1,000, as the pipeline
does. The database `pedidos_bench` on the server is dropped before each layout.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import Process
from typing import Any

import pymongo
from pymongo.write_concern import WriteConcern

from pedidos_common.adapters.mongo.encoding import BsonOrderEncoder
from pedidos_common.domain.generation import OrderDraw, amount_table, name_table
from pedidos_common.domain.ids import OrderRange, new_run_id

CHUNK, BATCH, PROCESSES = 10_000, 1_000, 2
RUN = new_run_id(1_700_000_000_000, 7)
DURABLE = WriteConcern(w="majority", j=True)
MEMORY = WriteConcern(w=1)
FAILED: dict[str, Any] = {
    "keys": [("status", 1), ("_id", 1)],
    "partialFilterExpression": {"status": "falhou"},
}
LAYOUTS: dict[str, tuple[list[dict[str, Any]], WriteConcern, bool]] = {
    "clustered, acknowledged from memory": ([], MEMORY, False),
    "clustered, journaled": ([], DURABLE, False),
    "+ partial index on falhou": ([FAILED], DURABLE, False),
    "+ lease's end in each update": ([FAILED], DURABLE, True),
    "+ index on cliente": ([FAILED, {"keys": [("cliente", 1)]}], DURABLE, True),
    "+ index on (priority, status)": (
        [FAILED, {"keys": [("priority", 1), ("status", 1)]}],
        DURABLE,
        True,
    ),
}


def orders_of(uri: str, concern: WriteConcern) -> Any:
    """The bench's collection, in a client of its own."""
    client: Any = pymongo.MongoClient(uri, uuidRepresentation="standard")
    return client["pedidos_bench"].get_collection("orders", write_concern=concern)


def insert(uri: str, concern: WriteConcern, share: int, quantity: int) -> None:
    """Insert every second chunk."""
    orders, now = orders_of(uri, concern), datetime.now(UTC)
    names = name_table([f"Nome{i}" for i in range(512)], [f"Sobrenome{i}" for i in range(512)])
    encoder, draw = BsonOrderEncoder(names, amount_table()), OrderDraw()
    for first in range(1 + share * CHUNK, quantity, CHUNK * PROCESSES):
        ids = OrderRange(RUN, first, first + CHUNK - 1)
        documents = encoder.drawn(ids, draw.draw(1, 1, ids.first, ids.last), now)
        orders.insert_many(documents, ordered=False)


def update(uri: str, concern: WriteConcern, share: int, quantity: int, *, fenced: bool) -> None:
    """Update every second batch."""
    orders = orders_of(uri, concern)
    fence = {"$expr": {"$lt": ["$$NOW", datetime.now(UTC) + timedelta(hours=1)]}}
    for first in range(1 + share * BATCH, quantity, BATCH * PROCESSES):
        ids = OrderRange(RUN, first, first + BATCH - 1)
        orders.update_many(
            {"_id": {"$gte": ids.low, "$lte": ids.high}, "status": "pendente"}
            | (fence if fenced else {}),
            {
                "$set": {"status": "processado", "observacoes": "processado sem prioridade"},
                "$currentDate": {"processedAt": True},
                "$inc": {"attempts": 1},
                "$unset": {"error": ""},
            },
        )


def timed(work: Callable[..., None], *arguments: Any, **named: Any) -> float:
    """Seconds that the processes need for it, side by side."""
    started = time.perf_counter()
    running = [
        Process(target=work, args=(*arguments[:2], share, *arguments[2:]), kwargs=named)
        for share in range(PROCESSES)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
        if process.exitcode:
            raise SystemExit("a process of the bench failed; see above")
    return time.perf_counter() - started


def server_cpu(client: Any) -> float:
    """CPU seconds that mongod has used."""
    usage = client.admin.command("serverStatus")["extra_info"]
    return float(usage["user_time_us"] + usage["system_time_us"]) / 1e6


def measure(uri: str, name: str, quantity: int) -> None:
    """One layout: prepare, insert, update, print a row."""
    indexes, concern, fenced = LAYOUTS[name]
    client: Any = pymongo.MongoClient(uri)
    client.drop_database("pedidos_bench")
    clustered = {"key": {"_id": 1}, "unique": True}
    orders = client["pedidos_bench"].create_collection("orders", clusteredIndex=clustered)
    for index in indexes:
        options = {key: value for key, value in index.items() if key != "keys"}
        orders.create_index(index["keys"], **options)
    before = server_cpu(client)
    inserting = timed(insert, uri, concern, quantity)
    between = server_cpu(client)
    updating = timed(update, uri, concern, quantity, fenced=fenced)
    scale = quantity / 100_000
    print(
        f"| {name} | {inserting:.1f} + {updating:.1f} s | {(between - before) / scale:.2f}"
        f" + {(server_cpu(client) - between) / scale:.2f} |",
        flush=True,
    )


def scans(uri: str) -> None:
    """How long the filters of the listing take without an index of their own."""
    orders = orders_of(uri, DURABLE)
    for query in ({"cliente": "nobody"}, {"status": "pendente"}, {"tier": "OURO"}):
        started = time.perf_counter()
        found = len(list(orders.find(query).sort("_id", 1).limit(100)))
        print(f"| first 100 of {query} | {found} found | {time.perf_counter() - started:.3f} s |")


def main() -> None:
    """Measure every layout, twice, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mongo-uri", required=True)
    parser.add_argument("--orders", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    print("| layout | insert + update | mongod CPU s per 100,000: insert + update |")
    print("| --- | --- | --- |")
    for _ in range(given.rounds):
        for name in LAYOUTS:
            measure(given.mongo_uri, name, given.orders)
    scans(given.mongo_uri)
    pymongo.MongoClient(given.mongo_uri).drop_database("pedidos_bench")


if __name__ == "__main__":
    main()
