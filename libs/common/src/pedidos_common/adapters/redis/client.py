"""Connections to Redis: one server or Sentinel, with timeouts and reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import to_bool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError  # noqa: A004

from pedidos_common.adapters.command_watch import CommandWatch, ignore_command
from pedidos_common.adapters.redis.timed import TimedRedis
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.room import Room, Store

# `Redis` is named here for those who hold a client and may not import the driver
__all__ = [
    "Redis",
    "SentinelAddress",
    "check_address",
    "check_writable",
    "connect",
    "eviction_policy",
    "memory",
    "parse_sentinel",
    "ping",
    "reaching",
]

CONNECT_TIMEOUT_SECONDS = 2.0
SOCKET_TIMEOUT_SECONDS = 5.0
CALL_TIMEOUT_SECONDS = 8.0
ADDRESS_FORM = (
    "an address like redis://user:password@host:6379/0, or "
    "redis+sentinel://user:password@host:26379,host:26379/0?service=name, with each of "
    ": / ? # [ ] @ % in user name or password written as %3A %2F %3F %23 %5B %5D %40 %25"
)
SENTINEL_SCHEMES = {"redis+sentinel": False, "rediss+sentinel": True}
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
CHECK_NAME = "ssl_check_hostname"  # the driver would take a trusted certificate of any host


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What a `redis+sentinel://` address says; `tls` holds for the master and the sentinels.

    So do `tls_files`, by `TLS_FILES`, where the address names them, and `checks_name`: whether a
    certificate must name the host that was asked.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int
    username: str | None
    password: str | None
    sentinel_password: str | None
    tls: bool
    tls_files: Mapping[str, str]
    checks_name: bool


def connect(
    url: str,
    password: str | None = None,
    *,
    max_connections: int = 50,
    client_name: str | None = None,
    watch: CommandWatch = ignore_command,
) -> Redis:
    """A client for `redis://`, `rediss://` or `redis+sentinel://` (nothing is sent yet).

    `redis+sentinel://[user:password@]host:port,host:port/db?service=name` finds the master by
    Sentinel; `sentinel_password=` in the query is for the sentinels themselves. `rediss` is TLS,
    with the files that `ssl_ca_certs=`, `ssl_certfile=` and `ssl_keyfile=` name; the certificate
    must name the host unless `ssl_check_hostname=false` is there. A password in the address wins
    over `password`. Whoever connects closes it with `aclose()`. `watch` is told of each command.

    Raises:
        ValueError: when the address is not one of these.
    """
    if urlsplit(url).scheme in SENTINEL_SCHEMES:
        master = _master(parse_sentinel(url), password, max_connections, client_name)
        return _watched(master, watch)
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        max_connections=max_connections,
        timeout=SOCKET_TIMEOUT_SECONDS,
        client_name=client_name,
        **_robust(),
        **_name_check(url),
    )
    return _watched(TimedRedis.from_pool(pool), watch)


def _name_check(url: str) -> dict[str, bool]:
    """What the driver is told unless the address says otherwise."""
    parts = urlsplit(url)
    # without certificates there are no names, and the two together are refused
    is_checked = "none" not in parse_qs(parts.query).get("ssl_cert_reqs", ())
    return {CHECK_NAME: True} if parts.scheme == "rediss" and is_checked else {}


def _watched(client: Any, watch: CommandWatch) -> TimedRedis:
    """The client, of the class that it was asked of, which the driver's types don't tell."""
    mine: TimedRedis = client
    mine.told = watch
    return mine


def check_address(url: str) -> None:
    """Whether `connect` can work with an address; nothing is sent, and no name is looked up.

    Raises:
        ValueError: how an address is written; holds nothing of this one, which has a password.
    """
    if not _is_usable(url):
        raise ValueError(ADDRESS_FORM)


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        connect(url).connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, RedisError):
        return False
    # the driver would take another database, or the start of a password for the host
    db = parts.path.strip("/")
    return (
        bool(parts.netloc.rpartition("@")[2]) and not parts.fragment and (not db or db.isdecimal())
    )


def _robust() -> dict[str, Any]:
    """A broken connection is made again and the command sent again, a few times at most."""
    return {
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 15,
        # telling the driver's name costs a round trip, which a slow network has no time for
        "lib_name": None,
        "lib_version": None,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
        "retry_on_error": [ConnectionError, TimeoutError, BusyLoadingError],
    }


def parse_sentinel(url: str) -> SentinelAddress:
    """Read a `redis+sentinel://` address.

    Raises:
        ValueError: when hosts, database or `service=` are missing or wrong.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    hosts = tuple(_host(text) for text in parts.netloc.rpartition("@")[2].split(",") if text)
    service = query.get("service", [""])[0]
    if not hosts or not service:
        raise ValueError("a Sentinel address needs hosts and ?service=NAME")
    return SentinelAddress(
        hosts=hosts,
        service=service,
        db=int(parts.path.strip("/") or 0),
        **_credentials(parts),
        sentinel_password=query.get("sentinel_password", [None])[0],
        tls=SENTINEL_SCHEMES[parts.scheme],
        tls_files={name: query[name][0] for name in TLS_FILES if name in query},
        checks_name=to_bool(query.get(CHECK_NAME, ["true"])[0]) is not False,
    )


def _host(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host else (text, 26379)


def _credentials(parts: SplitResult) -> dict[str, Any]:
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(user) or None, "password": unquote(password) or None}


def _master(
    address: SentinelAddress, password: str | None, max_connections: int, client_name: str | None
) -> Redis:
    tls = {"ssl": True, CHECK_NAME: address.checks_name, **address.tls_files}
    shared = _robust() | (tls if address.tls else {})
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        list(address.hosts),
        sentinel_kwargs={**shared, "password": address.sentinel_password},
    )
    master: Redis = sentinels.master_for(
        address.service,
        TimedRedis,
        db=address.db,
        username=address.username,
        password=address.password or password,
        max_connections=max_connections,
        client_name=client_name,
        **shared,
    )
    return master


@asynccontextmanager
async def reaching(purpose: str, seconds: float = CALL_TIMEOUT_SECONDS) -> AsyncIterator[None]:
    """The border of every port: what Redis can't do now is `Unavailable`, and in time.

    Raises:
        Unavailable: when Redis refused, failed, or did not answer within `seconds`.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"Redis could not {purpose}: {reason}") from error


async def ping(client: Redis, seconds: float = 2.0) -> None:
    """Ask for a sign of life.

    Raises:
        Unavailable: when none comes within `seconds`.
    """
    async with reaching("answer a ping", seconds):
        await client.ping()


async def check_writable(client: Redis, key_prefix: str, seconds: float = 2.0) -> None:
    """Write one short-lived key: a full Redis answers a ping and still can't serve.

    Raises:
        Unavailable: when the key could not be written within `seconds`.
    """
    async with reaching("take a write", seconds):
        await client.set(f"{key_prefix}ready", b"1", px=10_000)


async def eviction_policy(client: Redis) -> str | None:
    """Redis' `maxmemory-policy` (`noeviction` is expected); None where it does not tell.

    Raises:
        Unavailable: when Redis does not answer.
    """
    async with reaching("tell its eviction policy", 2.0):
        memory = await client.info("memory")
    policy = memory.get("maxmemory_policy")
    return str(policy) if policy else None


async def memory(client: Redis) -> Room | None:
    """How full Redis' memory is; None where it has no limit, or does not tell.

    Raises:
        Unavailable: when Redis does not answer.
    """
    async with reaching("tell its memory", 2.0):
        found = await client.info("memory")
    limit, used = found.get("maxmemory"), found.get("used_memory")
    return Room(Store.REDIS_MEMORY, int(used), int(limit)) if limit and used else None
