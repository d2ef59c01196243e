"""The log file of one process of the stack, bounded in size and number."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

KEPT_FILES = 3
MAX_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 16 * 1024


def rotate(path: Path, keep: int = KEPT_FILES) -> None:
    """Makes room for a fresh log: `x.log` becomes `x.log.1` and so on, the oldest goes."""
    if not path.exists() or path.stat().st_size == 0:
        return
    for number in range(keep - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _numbered(path, number).replace(_numbered(path, number + 1))
    path.replace(_numbered(path, 1))


def trim(path: Path, max_bytes: int = MAX_BYTES) -> bool:
    """Moves a log that has grown too big aside while its process goes on writing to it.

    The writer has opened it for appending, so truncating is safe; what it writes between copy
    and truncation is lost. Returns whether there was anything to do.
    """
    if not path.exists() or path.stat().st_size <= max_bytes:
        return False
    shutil.copyfile(path, _numbered(path, 1))
    with path.open("r+b") as log:
        log.truncate(0)
    return True


def tail(path: Path, lines: int = 8) -> list[str]:
    """The last lines of a log; none where it can't be read."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
