"""What of the driver's errors means "try again", and what is a failure of the call."""

from __future__ import annotations

from typing import Any, cast

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WriteError,
    WTimeoutError,
)

from pedidos_common.adapters.mongo.client import DURABLE, Collection, Database
from pedidos_common.adapters.mongo.errors import guarded, translating
from pedidos_common.adapters.mongo.inserts import (
    MOST_BYTES,
    MOST_DOCUMENTS,
    insert_absent,
    insert_fresh,
)
from pedidos_common.adapters.mongo.jobs import MongoJobLedger
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Band, NewJob

# step-down, shutdown, no primary, recovering, a full disk, no majority to read from
CANT_WRITE_NOW = [91, 189, 11600, 11602, 10107, 13435, 13436, 14031, 134]
# killed, out of turn, or another write was in the way
GAVE_WAY = [11601, 237, 46841, 24, 46, 112, 175, 365]


def bulk(codes: list[int], concerns: list[int] | None = None) -> BulkWriteError:
    return BulkWriteError(
        {
            "writeErrors": [
                {"index": index, "code": code, "errmsg": "no"} for index, code in enumerate(codes)
            ],
            "writeConcernErrors": [{"code": code, "errmsg": "no"} for code in concerns or []],
        }
    )


def of_each_code(code: int) -> list[PyMongoError]:
    return [
        WriteConcernError("no", code, {"code": code}),
        WriteError("no", code, {"code": code}),
        OperationFailure("no", code, {"code": code}),
        bulk([code]),
        bulk([11000, code]),
        bulk([], [code]),
    ]


TRANSIENT = [
    *(error for code in (*CANT_WRITE_NOW, *GAVE_WAY) for error in of_each_code(code)),
    AutoReconnect("gone"),
    NotPrimaryError("gone"),
    WTimeoutError("slow", 64, {"errInfo": {"wtimeout": True}}),
    CursorNotFound("the server was restarted", 43),
    bulk([11000], [64]),
]
LASTING = [
    DuplicateKeyError("twice", 11000),
    OperationFailure("not allowed", 13),
    WriteError("too large", 2),
    bulk([11000]),
    bulk([2]),
]


@guarded
async def failing(error: PyMongoError) -> None:
    raise error


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: repr(error)[:80])
async def test_what_passes_is_unavailable(error: PyMongoError) -> None:
    with pytest.raises(Unavailable, match="MongoDB"):
        await failing(error)
    with pytest.raises(Unavailable, match="MongoDB"):
        async with translating():
            raise error


@pytest.mark.parametrize("error", LASTING, ids=lambda error: repr(error)[:80])
async def test_what_lasts_is_raised_as_it_is(error: PyMongoError) -> None:
    with pytest.raises(type(error)):
        await failing(error)


class FakeJobs:
    """A collection whose inserts fail so."""

    def __init__(self, error: PyMongoError | None) -> None:
        self._error = error

    def with_options(self, **_options: object) -> FakeJobs:
        return self

    async def insert_many(self, documents: list[Any], *, ordered: bool) -> None:
        assert documents
        assert not ordered
        if self._error is not None:
            raise self._error


def jobs(error: PyMongoError | None) -> Collection:
    return cast("Collection", FakeJobs(error))


async def test_inserting_tells_which_were_there() -> None:
    assert await insert_absent(jobs(None), [{"_id": 1}]) == []
    assert await insert_absent(jobs(bulk([2])), []) == []
    assert await insert_absent(jobs(bulk([11000, 11000])), [{"_id": 1}, {"_id": 2}]) == [0, 1]


@pytest.mark.parametrize("error", [bulk([11000], [91]), bulk([11000, 189]), bulk([], [64])])
async def test_jobs_that_may_not_be_durable_are_not_taken_as_created(error: PyMongoError) -> None:
    ledger = MongoJobLedger(cast("Database", {"jobs": jobs(error)}), 10)
    job = NewJob(id="j", queue="q", function="f", band=Band.NORMAL, payload={})
    with pytest.raises(Unavailable):
        await ledger.create([job])


async def test_a_lasting_error_of_an_insert_is_raised() -> None:
    with pytest.raises(BulkWriteError):
        await insert_absent(jobs(bulk([11000, 2])), [{"_id": 1}])


class FakeDatabase:
    """Answers every command with `reply`, or raises it."""

    def __init__(self, reply: dict[str, Any] | PyMongoError) -> None:
        self._reply = reply
        self.commands: list[dict[str, Any]] = []

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        self.commands.append(command)
        if isinstance(self._reply, PyMongoError):
            raise self._reply
        return self._reply


class Fresh:
    """A collection that is written durably."""

    name = "orders"
    write_concern = DURABLE

    def __init__(self, reply: dict[str, Any] | PyMongoError) -> None:
        self.database = FakeDatabase(reply)


TWO = [RawBSONDocument(bson.encode({"_id": n})) for n in (1, 2)]


async def inserts_fresh(fresh: Fresh, documents: list[RawBSONDocument]) -> bool:
    return await insert_fresh(cast("Collection", fresh), documents)


async def test_encoded_documents_go_in_one_durable_command() -> None:
    fresh = Fresh({"ok": 1, "n": 2})
    assert await inserts_fresh(fresh, TWO)
    [command] = fresh.database.commands
    assert command["writeConcern"] == {"w": "majority", "j": True, "wtimeout": 20_000}
    assert command["documents"] == TWO
    assert command["ordered"] is False


@pytest.mark.parametrize(
    "reply",
    [
        {"ok": 1, "n": 1, "writeErrors": [{"index": 0, "code": 11000}]},
        {"ok": 1, "n": 1},
        {"ok": 1, "n": 2, "writeConcernError": {"code": 64}},
        AutoReconnect("reset in mid-reply"),
        OperationFailure("not primary", 10107),
    ],
)
async def test_an_insert_that_did_not_go_well_is_not_taken_for_one(
    reply: dict[str, Any] | PyMongoError,
) -> None:
    assert not await inserts_fresh(Fresh(reply), TWO)


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [RawBSONDocument(bson.encode({"_id": "x" * (MOST_BYTES // 2)}))] * 2,
        TWO[:1] * (MOST_DOCUMENTS + 1),
    ],
)
async def test_what_does_not_fit_into_one_command_is_left_to_the_driver(
    documents: list[RawBSONDocument],
) -> None:
    fresh = Fresh({"ok": 1, "n": len(documents)})
    assert not await inserts_fresh(fresh, documents)
    assert fresh.database.commands == []
