"""Connections to MongoDB, and the write concerns that safety needs.

Ledger, run, lease and order writes are acknowledged by the majority and its journal. A job's
settle must never outlive the order writes before it: a killed server forgets what its journal
did not have, and a fail-over what the majority did not have. On a standalone server `majority`
is that server, and `j` its journal.

Reads are the primary's own (`local`), which may show a write that a fail-over takes back. That is
right for a read whose decision ends in a write to the same primary: that write comes later, so a
majority that has it has all that was read. What a process keeps in its memory, or takes for
stored without a write of its own, is read by `confirmed`.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, MongoClient, ReadPreference, WriteConcern, timeout
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from pedidos_common.adapters.command_watch import CommandWatch, ignore_command
from pedidos_common.adapters.mongo.command_reports import CommandReports
from pedidos_common.adapters.mongo.errors import describe, is_transient, undisturbed
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.room import Room, Store
from pedidos_common.ports import Tracing

Document = dict[str, Any]
Database = AsyncDatabase[Document]
Collection = AsyncCollection[Document]

AsyncClient = AsyncMongoClient[Document]

DURABLE = WriteConcern(w="majority", j=True, wtimeout=20_000)
SCHEMES = ("mongodb://", "mongodb+srv://")
LET_PASS = ("Unknown option", "Wire protocol compression")
SOCKET_TIMEOUT_MS = 60_000
ADDRESS_FORM = (
    "an address like mongodb://user:password@host:27017/?authSource=admin, with each of "
    ": / ? # [ ] @ % in user name or password written as %3A %2F %3F %23 %5B %5D %40 %25"
)
SELECTION_TIMEOUT_MS = 5_000
# a primary that hangs is left for an elected one after this and the time to connect, not after a
# socket's; by the driver's own 10 s that would be most of what a recovery may take
LOOK_MS = 1_000
CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True, uuid_representation=UuidRepresentation.STANDARD
)


def _options(name: str) -> dict[str, Any]:
    return {
        "appname": name,
        "tz_aware": True,
        "uuidRepresentation": "standard",
        "connectTimeoutMS": 3_000,
        "socketTimeoutMS": SOCKET_TIMEOUT_MS,
        "serverSelectionTimeoutMS": SELECTION_TIMEOUT_MS,
        "heartbeatFrequencyMS": LOOK_MS,
        "retryWrites": True,
        "maxPoolSize": 64,
        # what nobody waits for any more still has its turn: it must not pile up
        "waitQueueTimeoutMS": SELECTION_TIMEOUT_MS,
    }


def check_address(uri: str) -> None:
    """Whether the driver can work with an address; nothing is sent, and no name is looked up.

    An option that the driver doesn't know, or a compression that isn't installed, is let pass: the
    driver warns of it and goes on.

    Raises:
        ValueError: how an address is written; holds nothing of this one, which has a password.
    """
    database = uri.partition("://")[2].partition("?")[0].partition("/")[2]
    # a raw slash in a password makes the driver take what is before it for the host
    if not uri.startswith(SCHEMES) or "@" in database:
        raise ValueError(ADDRESS_FORM)
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            MongoClient[Document](uri, connect=False).close()
    except OSError as error:
        raise ValueError(f"{ADDRESS_FORM}; {error.filename}: {error.strerror}") from None
    except (PyMongoError, ValueError, TypeError):
        raise ValueError(ADDRESS_FORM) from None
    # the driver leaves out an option with a wrong value: `tls=yes` would be no TLS at all
    if any(_is_of_a_value(warning) for warning in found):
        raise ValueError(f"{ADDRESS_FORM}; the value of an option is wrong")


def _is_of_a_value(warning: warnings.WarningMessage) -> bool:
    is_old = issubclass(warning.category, DeprecationWarning)
    return not is_old and not str(warning.message).startswith(LET_PASS)


def connect(
    uri: str, name: str, watch: CommandWatch | None = None, tracing: Tracing | None = None
) -> AsyncMongoClient[Document]:
    """A client for the event loop; connects on first use.

    `watch` is told of each command, `tracing` of those in what it records.
    """
    # without a listener the driver makes no reports at all
    listeners = [CommandReports(watch or ignore_command, tracing)] if watch or tracing else []
    return AsyncMongoClient(uri, **_options(name), event_listeners=listeners)


def connect_blocking(uri: str, name: str) -> MongoClient[Document]:
    """A client for a thread of its own (the heartbeat), with short timeouts."""
    short = {"socketTimeoutMS": 3_000, "serverSelectionTimeoutMS": 2_000, "maxPoolSize": 2}
    return MongoClient(uri, **{**_options(name), **short})


def durable(client: AsyncMongoClient[Document], database: str) -> Database:
    """The database, read from the primary and written durably."""
    return client.get_database(
        database,
        codec_options=CODEC,
        write_concern=DURABLE,
        read_preference=ReadPreference.PRIMARY,
    )


def confirmed(collection: Collection) -> Collection:
    """The collection, read as the majority has it: what is seen so is never taken back.

    Right after a fail-over it may show an earlier state than was acknowledged, for a moment. A
    lone server has no fail-over, and its journal keeps the order of writes; there `majority` would
    only show everything late.
    """
    topology = collection.database.client.topology_description.topology_type_name
    if topology == "Single":
        return collection
    return collection.with_options(read_concern=ReadConcern("majority"))


async def check_there(database: Database, timeout_seconds: float = 3.0) -> None:
    """Ask for a sign of life.

    Raises:
        Unavailable: when none comes in time; says what the driver met.
        PyMongoError: when the server refuses, as a wrong password.
    """
    try:
        with timeout(timeout_seconds):
            await undisturbed(database.command("ping"))
    except PyMongoError as error:
        if is_transient(error) or error.timeout:
            raise Unavailable(describe(error)) from error
        raise


async def ping(database: Database, timeout_seconds: float = 3.0) -> bool:
    """Whether the server answers and can be written to."""
    try:
        reply = await asyncio.wait_for(undisturbed(database.command("hello")), timeout_seconds)
    except (PyMongoError, TimeoutError):
        return False
    return bool(reply.get("isWritablePrimary"))


async def disk(database: Database, timeout_seconds: float = 2.0) -> Room | None:
    """How full the disk of the primary's data is, as it sees it; None where it does not tell."""
    try:
        stats = await asyncio.wait_for(undisturbed(database.command("dbStats")), timeout_seconds)
        used, total = int(stats["fsUsedSize"]), int(stats["fsTotalSize"])
    except (PyMongoError, TimeoutError, KeyError):
        return None
    # a database that has no collection yet is told to have no disk
    return Room(Store.MONGO_DISK, used, total) if total else None
