"""`stack.json`, which tells the world about a running stack.

It may hold addresses with passwords: only its owner can read it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "stack.json"


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One process of a stack: a server (mongod, redis, sandbox) or a service, by its `role`."""

    role: str
    index: int
    pid: int | None
    log: str
    metrics: str | None
    restarts: int


@dataclass(frozen=True, slots=True)
class StackDocument:
    """What `stack.json` holds."""

    ready: bool
    api: str
    mongo_uri: str
    redis_url: str
    processes: Sequence[ProcessEntry]


def write_whole(path: Path, document: Mapping[str, Any]) -> None:
    """Replaces the file in one step: a reader finds the old text or the new one, never half.

    Raises:
        OSError: when the folder can't be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_stack(path: Path, document: StackDocument) -> None:
    """Writes `stack.json`, whole or not at all."""
    write_whole(path, asdict(document))


def read_stack(path: Path) -> StackDocument | None:
    """What the file says, or None where there is none or it is not one of ours."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        processes = [ProcessEntry(**entry) for entry in raw.pop("processes")]
        return StackDocument(**raw, processes=processes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
