"""The servers of the test session answer, whatever they are."""

from __future__ import annotations

import contextlib
from typing import Any

import pymongo
import pytest
import redis

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
