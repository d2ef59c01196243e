"""What the pipeline wrote and how: for the bare loop to do the same, and to see that it did."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import encode
from pymongo.database import Database

from pedidos_common.domain.ids import order_id

SAMPLE_STEP = 97


@dataclass(frozen=True, slots=True)
class Layout:
    """What the pipeline wrote and how, so that the bare loop can do the same.

    `created_at` is the time that the orders of each chunk carry; `digest` is over every
    `SAMPLE_STEP`-th order as it is at the end, but for when it was processed.
    """

    run_id: UUID
    plan: Mapping[str, Any]
    created_at: tuple[datetime, ...]
    options: Mapping[str, Any]
    indexes: tuple[Mapping[str, Any], ...]
    data_bytes: int
    digest: str


def layout_of(database: Database[dict[str, Any]], run: Mapping[str, Any]) -> Layout:
    """Of a run that is over, and whose orders are the only ones."""
    options = next(iter(database.list_collections(filter={"name": "orders"})))["options"]
    clustered = {k: v for k, v in options["clusteredIndex"].items() if k != "v"}
    indexes = [dict(index) for index in database.orders.list_indexes()]
    run_id = UUID(run["_id"])
    return Layout(
        run_id=run_id,
        plan=run["plan"],
        created_at=_created_at(database, run_id, run["plan"]),
        options={"clusteredIndex": clustered},
        indexes=tuple(i for i in indexes if not i.get("clustered") and i["name"] != "_id_"),
        data_bytes=database.command("collStats", "orders")["size"],
        digest=_digest(database, run_id, run["plan"]["quantity"]),
    )


def create_orders(database: Database[dict[str, Any]], layout: Layout) -> None:
    """An empty collection of that layout, with its indexes."""
    database.create_collection("orders", **layout.options)
    for index in layout.indexes:
        keys = list(index["key"].items())
        options = {k: v for k, v in index.items() if k not in {"key", "v", "clustered"}}
        database.orders.create_index(keys, **options)


def check_same(database: Database[dict[str, Any]], layout: Layout, quantity: int) -> None:
    """The same orders, and nothing left to do: else the comparison means nothing.

    Raises:
        RuntimeError: in what the two differ.
    """
    size = database.command("collStats", "orders")["size"]
    left = database.orders.count_documents({"status": {"$ne": "processado"}})
    if size != layout.data_bytes or left:
        raise RuntimeError(
            f"the bare loop wrote {size:,} bytes where the pipeline wrote {layout.data_bytes:,}, "
            f"and left {left:,} orders: the two do not do the same"
        )
    if _digest(database, layout.run_id, quantity) != layout.digest:
        raise RuntimeError("the bare loop's orders are not the pipeline's, byte for byte")


def _created_at(
    database: Database[dict[str, Any]], run_id: UUID, plan: Mapping[str, Any]
) -> tuple[datetime, ...]:
    firsts = [order_id(run_id, n) for n in range(1, plan["quantity"] + 1, plan["chunkSize"])]
    found = database.orders.find({"_id": {"$in": firsts}}, {"createdAt": 1}).sort("_id", 1)
    return tuple(order["createdAt"] for order in found)


def _digest(database: Database[dict[str, Any]], run_id: UUID, quantity: int) -> str:
    sampled = [order_id(run_id, n) for n in range(1, quantity + 1, SAMPLE_STEP)]
    found = database.orders.find({"_id": {"$in": sampled}}, {"processedAt": 0}).sort("_id", 1)
    whole = hashlib.sha256()
    for order in found:
        whole.update(encode(order, codec_options=database.codec_options))
    return whole.hexdigest()
