"""Inserting documents of which some may be there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, PyMongoError

from pedidos_common.adapters.mongo.client import Collection
from pedidos_common.adapters.mongo.errors import DUPLICATE_KEY

# a command may be 16 MiB long and hold 100,000 documents; a document costs a few bytes more in it
MOST_BYTES = 14 << 20
MOST_DOCUMENTS = 100_000
BYTES_AROUND = 16


async def insert_fresh(collection: Collection, documents: Sequence[RawBSONDocument]) -> bool:
    """Insert encoded documents in one command; whether it is sure that all of them are stored.

    The driver's `insert_many` looks at each document, which costs as much as encoding it. What went
    otherwise here than well is for `insert_absent` to find out: it inserts what is not there.
    """
    size = sum(len(document.raw) + BYTES_AROUND for document in documents)
    if not documents or size > MOST_BYTES or len(documents) > MOST_DOCUMENTS:
        return False
    command = {
        "insert": collection.name,
        "ordered": False,
        "writeConcern": collection.write_concern.document,
        "documents": documents,
    }
    try:
        reply = await collection.database.command(command)
    except PyMongoError:
        return False
    is_durable = "writeConcernError" not in reply and "writeErrors" not in reply
    return is_durable and int(reply["n"]) == len(documents)


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
