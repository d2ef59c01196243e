"""The servers of the test session answer, whatever they are."""

from __future__ import annotations

import contextlib
import gc
import socket
import warnings
from pathlib import Path
from typing import Any

import pymongo
import pytest
import redis

from pedidos_common.adapters.mongo.client import connect, disk, durable
from tests.servers import choose


def test_mongo_stores_documents(
    mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    collection = mongo_client[mongo_database]["things"]
    collection.insert_one({"_id": 1})
    assert collection.count_documents({}) == 1


def test_redis_keeps_keys(redis_url: str, redis_prefix: str) -> None:
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        client.set(f"{redis_prefix}key", "value")
        assert client.get(f"{redis_prefix}key") == b"value"


def test_one_address_without_the_other_is_refused() -> None:
    with pytest.raises(ValueError, match="both"):
        choose({"PEDIDOS_TEST_MONGO_URI": "mongodb://127.0.0.1"})


def test_unknown_kind_of_servers_is_refused() -> None:
    with pytest.raises(ValueError, match="PEDIDOS_TEST_SERVERS"):
        choose({"PEDIDOS_TEST_SERVERS": "magic"})


def test_a_stopped_engine_means_embedded_servers_and_leaks_nothing(tmp_path: Path) -> None:
    left_behind = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(left_behind))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        chosen = choose({"DOCKER_HOST": f"unix://{left_behind}"})
        gc.collect()
    assert chosen == "embedded"
    assert not [str(each.message) for each in seen]


async def test_mongodb_tells_how_full_its_disk_is(mongo_uri: str, mongo_database: str) -> None:
    client = connect(mongo_uri, "disk")
    try:
        database = durable(client, mongo_database)
        assert await disk(database) is None, "there is nothing of ours yet, so nothing is told"
        await database["things"].insert_one({"_id": 1})
        room = await disk(database)
    finally:
        await client.close()
    assert room is not None
    assert 0 < room.used_bytes < room.total_bytes
