"""Addresses that no client could use are refused at start, and never told: they have passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from pedidos_common.adapters.mongo import client as mongo
from pedidos_common.adapters.redis import client as redis

SECRET = "hunter2"
MONGO = [
    "mongodb://shop",
    "mongodb://u:p%40ss@one:1,two:2/shop?replicaSet=rs0&authSource=admin",
    "mongodb+srv://u:p@cluster.example.org/?retryWrites=true&w=majority",
    "mongodb://[::1]:27017/?tls=true",
    "mongodb://shop/?somethingNew=1",
    "mongodb://shop/?compressors=zlib,snappy",
]
NO_MONGO = [
    "shop:27017",
    "mongodb://",
    "mongodb://u:hunter2@shop:port",
    "mongodb://u:1/hunter2@shop:27017",
    "mongodb://u:p@hunter2:1@shop",
    "mongodb+srv://u:hunter2@shop:27017/",
    "mongodb://shop:70000",
    "mongodb://u:hunter2@shop/?tls=perhaps",
    "mongodb://u:hunter2@shop/?maxPoolSize=many",
]
REDIS = [
    "redis://cache",
    "redis://:p%40ss@cache:6380/3",
    "rediss://user:pass@cache?db=2",
    "redis://[::1]:6379/0",
    "redis+sentinel://u:p@one:26379,two/0?service=main",
]
NO_REDIS = [
    "cache:6379",
    "redis://",
    "redis://:hunter2@cache:port/0",
    "redis://:hunter2/1@cache:6379/0",
    "redis://:1#hunter2@cache:6379/0",
    "redis://user#hunter2@cache",
    "redis://:hunter2@cache/first",
    "redis://:hunter2@cache/0?no_such_option=1",
    "redis+sentinel://:hunter2@one:26379/0",
    "redis+sentinel://:hunter2@one:port/0?service=main",
]


@pytest.mark.parametrize("uri", MONGO)
def test_addresses_of_mongodb(uri: str) -> None:
    mongo.check_address(uri)


@pytest.mark.parametrize("uri", NO_MONGO)
def test_what_is_no_address_of_mongodb(uri: str) -> None:
    with pytest.raises(ValueError, match="an address like mongodb://") as refused:
        mongo.check_address(uri)
    assert SECRET not in str(refused.value)


def test_a_file_that_an_address_names_and_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ca\.pem: No such file"):
        mongo.check_address(f"mongodb://u:{SECRET}@shop/?tls=true&tlsCAFile={tmp_path}/ca.pem")


@pytest.mark.parametrize("url", REDIS)
def test_addresses_of_redis(url: str) -> None:
    redis.check_address(url)


@pytest.mark.parametrize("url", NO_REDIS)
def test_what_is_no_address_of_redis(url: str) -> None:
    with pytest.raises(ValueError, match="an address like redis://") as refused:
        redis.check_address(url)
    assert SECRET not in str(refused.value)
