"""Whether a process that was noted down still is the one that runs under that pid."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def birth_of(pid: int) -> str | None:
    """What tells the process from a later one of the same pid; None when there is none.

    Where the system does not say when a process began, all that run are alike: an empty text.
    """
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return None if fields[0] in {"Z", "X"} else fields[19]
    return "" if not Path("/proc/self/stat").exists() and _answers(pid) else None


def lives(pid: int, birth: str) -> bool:
    """Whether the process of that pid still is the one that was born then."""
    return birth_of(pid) == birth


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
