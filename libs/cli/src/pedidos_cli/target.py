"""Which stack a command talks to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pedidos_cli.errors import CliError, ExitStatus, Unreachable
from pedidos_cli.stack_notes import StackNote, notes_folder, running

HOW_TO_START = "Start a stack with `pedidos up`, or name one with --api or PEDIDOS_API"


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's API, and what is known about it besides (only for one started on this machine).

    Attributes:
        chosen_of: how many running stacks it was chosen from, 0 when it was named.
    """

    api: str
    api_key: str | None = None
    mongo_uri: str | None = None
    redis_url: str | None = None
    database: str = "pedidos"
    data_dir: Path | None = None
    chosen_of: int = 0


def find_target(api: str | None, api_key: str | None, environ: Mapping[str, str]) -> Target:
    """The API named, else the one of PEDIDOS_API, else that of the last stack started.

    What else is known of a stack of this machine goes with it, whichever of them is named.

    Raises:
        Unreachable: when nothing is named and no stack runs on this machine.
        CliError: when the address is not one.
    """
    notes = running(notes_folder(environ))
    key = api_key or environ.get("API_KEY") or None
    named = api or environ.get("PEDIDOS_API") or None
    if named is None:
        if not notes:
            raise Unreachable(f"No stack is known on this machine. {HOW_TO_START}")
        return replace(_local(notes[0], key), chosen_of=len(notes))
    address = checked_address(named)
    for note in notes:
        if note.api == _by_number(address):
            return _local(note, key)
    return Target(
        address,
        key,
        mongo_uri=environ.get("MONGO_URI") or None,
        redis_url=environ.get("REDIS_URL") or None,
        database=environ.get("MONGO_DB") or "pedidos",
    )


def looked_up_again(target: Target, environ: Mapping[str, str]) -> Target:
    """The same stack as it is known now: restarted meanwhile, its servers may be elsewhere."""
    now = find_target(target.api, target.api_key, environ)
    return now if now.data_dir else target


def _by_number(address: str) -> str:
    """A stack of this machine notes its API's address by number."""
    return address.replace("://localhost:", "://127.0.0.1:", 1)


def _local(note: StackNote, api_key: str | None) -> Target:
    return Target(
        note.api,
        api_key,
        mongo_uri=note.mongo_uri,
        redis_url=note.redis_url,
        database=note.database,
        data_dir=Path(note.stack).parent,
    )


def checked_address(api: str) -> str:
    """The API's address without a slash at its end.

    Raises:
        CliError: when it is no http(s) address.
    """
    if not _is_address(api):
        raise CliError(
            f"{api!r} is not the address of an API: it looks like http://127.0.0.1:3000",
            ExitStatus.USAGE,
        )
    return api.rstrip("/")


def _is_address(api: str) -> bool:
    try:
        parts, url = urlsplit(api), httpx.URL(api)
        # Reading the port checks it.
        return parts.scheme in {"http", "https"} and bool(url.host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        return False
