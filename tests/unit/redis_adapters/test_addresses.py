"""Addresses of Redis, and what becomes of them."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from pedidos_common.adapters.redis.client import check_address, connect, parse_sentinel, reaching
from pedidos_common.domain.errors import Unavailable


def test_a_plain_address_has_timeouts_and_reconnects() -> None:
    kwargs = connect("redis://cache:6380/3", "secret").connection_pool.connection_kwargs
    assert (kwargs["host"], kwargs["port"], kwargs["db"]) == ("cache", 6380, 3)
    assert kwargs["password"] == "secret"
    assert kwargs["socket_connect_timeout"] == 2
    assert kwargs["socket_timeout"] == 5
    assert kwargs["retry"]._retries > 0
    assert kwargs["retry_on_error"]


def test_the_password_of_the_address_wins() -> None:
    client = connect("redis://user:in-address@cache", "from-settings")
    assert client.connection_pool.connection_kwargs["password"] == "in-address"
    assert client.connection_pool.connection_kwargs["username"] == "user"


def test_tls() -> None:
    assert connect("rediss://cache").connection_pool.connection_class is SSLConnection


def test_sentinel_address() -> None:
    address = parse_sentinel(
        "redis+sentinel://app:p%40ss@one:26380,two/5?service=main&sentinel_password=guard"
    )
    assert address.hosts == (("one", 26380), ("two", 26379))
    assert (address.service, address.db) == ("main", 5)
    assert (address.username, address.password) == ("app", "p@ss")
    assert address.sentinel_password == "guard"
    assert not address.tls


def test_sentinel_client() -> None:
    pool = connect("redis+sentinel://one:1,two:2/4?service=main", "secret").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "main"
    assert pool.connection_kwargs["db"] == 4
    assert pool.connection_kwargs["password"] == "secret"
    assert len(pool.sentinel_manager.sentinels) == 2


def test_sentinel_over_tls() -> None:
    pool = connect("rediss+sentinel://one:1/0?service=main&ssl_ca_certs=/tls/ca").connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert issubclass(pool.connection_class, SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "/tls/ca"
    guard = pool.sentinel_manager.sentinels[0].connection_pool
    assert issubclass(guard.connection_class, SSLConnection)
    assert guard.connection_kwargs["ssl_ca_certs"] == "/tls/ca"


@pytest.mark.parametrize(("said", "is_checked"), [("", True), ("&ssl_check_hostname=false", False)])
def test_a_certificate_must_name_the_host_unless_the_address_says_otherwise(
    said: str, is_checked: bool
) -> None:
    one = connect(f"rediss://cache?db=1{said}").connection_pool
    assert one.connection_kwargs["ssl_check_hostname"] is is_checked
    found = connect(f"rediss+sentinel://one:1/0?service=main{said}").connection_pool
    assert isinstance(found, SentinelConnectionPool)
    assert found.connection_kwargs["ssl_check_hostname"] is is_checked
    guard = found.sentinel_manager.sentinels[0].connection_pool
    assert guard.connection_kwargs["ssl_check_hostname"] is is_checked


def test_without_certificates_there_is_no_name_to_check() -> None:
    check_address("rediss://cache?ssl_cert_reqs=none")
    pool = connect("rediss://cache?ssl_cert_reqs=none").connection_pool
    assert "ssl_check_hostname" not in pool.connection_kwargs


@pytest.mark.parametrize(
    "url",
    ["redis+sentinel://one:1/0", "redis+sentinel:///0?service=x", "http://cache", "cache:6379"],
)
def test_wrong_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"Sentinel address|Redis URL"):
        _ = connect(url)


async def test_the_border_names_what_failed() -> None:
    with pytest.raises(Unavailable, match=r"could not take rings: .*refused"):
        async with reaching("take rings"):
            raise ConnectionRefusedError("refused")


async def test_the_border_lets_own_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        async with reaching("take rings"):
            raise ZeroDivisionError
