"""The address of a Redis that is described by several variables instead of one."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote


def redis_address(environ: Mapping[str, str]) -> str | None:
    """REDIS_URL, else one made of REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB, or None."""
    if environ.get("REDIS_URL"):
        return environ["REDIS_URL"]
    host = environ.get("REDIS_HOST")
    if not host:
        return None
    password = environ.get("REDIS_PASSWORD")
    login = f":{quote(password, safe='')}@" if password else ""
    port, number = environ.get("REDIS_PORT") or "6379", environ.get("REDIS_DB") or "0"
    return f"redis://{login}{host}:{port}/{number}"
