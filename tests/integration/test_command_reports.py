"""MongoDB's commands as a client's watch is told of them."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from pedidos_common.adapters.mongo.client import connect, durable


async def test_each_command_of_a_watched_client_is_timed(
    mongo_uri: str, mongo_database: str
) -> None:
    told: list[tuple[str, bool]] = []

    def watch(command: str, seconds: float, *, failed: bool) -> None:
        assert 0 < seconds < 60
        told.append((command, failed))

    client = connect(mongo_uri, "watched", watch)
    try:
        database = durable(client, mongo_database)
        await database["things"].insert_one({"_id": 1})
        await database["things"].find_one({"_id": 1})
        with pytest.raises(OperationFailure):
            await database.command("noSuchCommand")
    finally:
        await client.close()
    assert [one for one in told if one[0] != "endSessions"] == [
        ("insert", False),
        ("find", False),
        ("noSuchCommand", True),
    ]
