"""`stack.json`, which tells the world about a running stack, and the note of the last one started.

Both may hold addresses with passwords: only their owner can read them.
"""

from __future__ import annotations

import contextlib
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
    """One process of a stack. `role` is mongod, redis, orchestrator, generator or worker."""

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


@dataclass(frozen=True, slots=True)
class LastStack:
    """Where the last stack started is found, and what `stack.json` does not say."""

    stack: str
    api: str
    mongo_uri: str
    redis_url: str
    database: str
    pid: int


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


def last_stack_path(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/pedidos/last-stack.json`, by default below `~/.local/state`."""
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")) / ".local/state")
    return Path(home).expanduser() / "pedidos" / "last-stack.json"


def remember(path: Path, last: LastStack) -> None:
    """Notes the stack as the last one started; a home that can't be written is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, asdict(last))


def forget(path: Path, stack: Path) -> None:
    """Removes the note if it still is about this stack."""
    last = recall(path)
    if last and last.stack == str(stack):
        with contextlib.suppress(OSError):
            path.unlink()


def recall(path: Path) -> LastStack | None:
    """The last stack started, or None."""
    try:
        return LastStack(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
