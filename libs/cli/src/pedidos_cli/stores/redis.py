"""Redis as the local stack and the doctor see it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from pedidos_cli.errors import CliError, ExitStatus
from pedidos_common.adapters.redis import client as driver


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What a doctor wants to know; `max_bytes` is None where no limit is set."""

    version: str
    eviction_policy: str
    used_bytes: int
    max_bytes: int | None


def check_address(url: str) -> None:
    """Refuses an address that no client could use, without connecting.

    Raises:
        CliError: how one is written; holds nothing of this one, which may have a password.
    """
    try:
        driver.check_address(url)
    except ValueError as wrong:
        raise CliError(f"REDIS_URL (--redis-url) must be {wrong}", ExitStatus.USAGE) from None


def can_ask(url: str) -> bool:
    """Whether this module can talk to such an address (it can't to a Sentinel's)."""
    return "sentinel" not in url.partition("://")[0]


def answers(url: str, timeout_seconds: float = 2.0) -> bool:
    """Whether a server answers there and has its data loaded."""
    try:
        with _connected(url, timeout_seconds) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def facts(url: str, timeout_seconds: float = 5.0) -> RedisFacts:
    """Looks at the server once.

    Raises:
        CliError: when the address makes no sense.
        RedisError: when it does not answer or refuses.
    """
    check_address(url)
    with _connected(url, timeout_seconds) as client:
        info = cast("dict[str, Any]", client.info())
    return RedisFacts(
        version=str(info.get("valkey_version") or info["redis_version"]),
        eviction_policy=str(info.get("maxmemory_policy", "unknown")),
        used_bytes=int(info["used_memory"]),
        max_bytes=int(info.get("maxmemory", 0)) or None,
    )


@contextlib.contextmanager
def _connected(url: str, timeout_seconds: float) -> Iterator[Redis]:
    client = Redis.from_url(
        url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds
    )
    with contextlib.closing(client):
        yield client
