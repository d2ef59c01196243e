"""Which stack a command talks to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pedidos_cli.errors import CliError, ExitStatus, Unreachable
from pedidos_cli.stack_file import LastStack, last_stack_path, recall

HOW_TO_START = "Start a stack with `pedidos up`, or name one with --api or PEDIDOS_API"


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's API, and what is known about it besides (only for one started on this machine)."""

    api: str
    api_key: str | None = None
    mongo_uri: str | None = None
    redis_url: str | None = None
    database: str = "pedidos"
    data_dir: Path | None = None


def find_target(api: str | None, api_key: str | None, environ: Mapping[str, str]) -> Target:
    """The API named, else the one of PEDIDOS_API, else that of the last stack started.

    Raises:
        Unreachable: when nothing is named and no stack was started.
        CliError: when the address is not one.
    """
    last = recall(last_stack_path(environ))
    named = api or environ.get("PEDIDOS_API") or None
    if named is None and last is None:
        raise Unreachable(f"No stack is known on this machine. {HOW_TO_START}")
    address = checked_address(named) if named else last.api if last else ""
    key = api_key or environ.get("API_KEY") or None
    if last is None or last.api != address:
        return Target(
            address,
            key,
            mongo_uri=environ.get("MONGO_URI") or None,
            redis_url=environ.get("REDIS_URL") or None,
            database=environ.get("MONGO_DB") or "pedidos",
        )
    return _local(last, key)


def _local(last: LastStack, api_key: str | None) -> Target:
    return Target(
        last.api,
        api_key,
        mongo_uri=last.mongo_uri,
        redis_url=last.redis_url,
        database=last.database,
        data_dir=Path(last.stack).parent,
    )


def checked_address(api: str) -> str:
    """The API's address without a slash at its end.

    Raises:
        CliError: when it is no http(s) address.
    """
    if not api.startswith(("http://", "https://")):
        raise CliError(
            f"{api!r} is not the address of an API: it looks like http://127.0.0.1:3000",
            ExitStatus.USAGE,
        )
    return api.rstrip("/")
