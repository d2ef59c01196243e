"""Inserting documents of which some may be there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.errors import BulkWriteError

from pedidos_common.adapters.mongo.client import Collection
from pedidos_common.adapters.mongo.errors import DUPLICATE_KEY


async def insert_absent(collection: Collection, documents: Sequence[Any]) -> Sequence[int]:
    """Insert what is not there yet; the positions of those that were.

    Raises:
        BulkWriteError: when anything else failed, so that one that was there may not be durable.
    """
    if not documents:
        return []
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        errors = error.details["writeErrors"]
        unsure = error.details.get("writeConcernErrors")
        if unsure or any(each["code"] != DUPLICATE_KEY for each in errors):
            raise
        return [each["index"] for each in errors]
    return []
