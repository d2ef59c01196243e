"""One note for each stack that runs on this machine, by which the other commands find it.

A note is only as good as its supervisor: one whose process is gone is ignored and swept away.
It may hold addresses with passwords: only its owner can read it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pedidos_cli.process_life import birth_of, lives
from pedidos_cli.stack_file import write_whole


@dataclass(frozen=True, slots=True)
class StackNote:
    """Where a stack is found, and what its `stack.json` does not say.

    Attributes:
        stack: the path of its `stack.json`.
        passing: it ends by itself (`pedidos demo`): any other is preferred to it.
        pid: its supervisor, which began at `birth` (see `process_life`).
        noted_ns: when it was noted, in nanoseconds since 1970: the newest is the last started.
    """

    stack: str
    api: str
    mongo_uri: str
    redis_url: str
    database: str
    passing: bool = False
    pid: int = field(default_factory=os.getpid)
    birth: str = field(default_factory=lambda: birth_of(os.getpid()) or "")
    noted_ns: int = field(default_factory=time.time_ns)


def notes_folder(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/pedidos/stacks`, by default below `~/.local/state`."""
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")) / ".local/state")
    return Path(home).expanduser() / "pedidos" / "stacks"


def remember(folder: Path, note: StackNote) -> None:
    """Writes the note of a supervisor's stack; a home that can't be written is no error."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(_path(folder, note.pid), asdict(note))


def forget(folder: Path, pid: int) -> None:
    """Removes the note of that supervisor, and of no other."""
    _remove(_path(folder, pid))


def running(folder: Path) -> Sequence[StackNote]:
    """The stacks whose supervisors live, best first: the newest, those in passing behind."""
    found: list[StackNote] = []
    for path in folder.glob("*.json"):
        note = _read(path)
        if note and lives(note.pid, note.birth):
            found.append(note)
        elif note:
            _remove(path)
    return sorted(found, key=lambda note: (note.passing, -note.noted_ns))


def _path(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.json"


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _read(path: Path) -> StackNote | None:
    try:
        return StackNote(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
