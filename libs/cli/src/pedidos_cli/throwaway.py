"""Folders of stacks that nobody named: thrown away at the end, or by the next stack."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

# No folder that a person named has this file: what has it, and is not locked, is rubbish.
LOCK_NAME = "throwaway.lock"
PREFIX = "pedidos-"


@contextlib.contextmanager
def made() -> Iterator[Path]:
    """A new folder, locked while the context lasts and removed at its end."""
    root = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    try:
        with (root / LOCK_NAME).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Only now under the name that a sweep looks for: none finds it unlocked.
            root = root.rename(root.with_name(root.name.removeprefix(".")))
            yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def keep(root: Path) -> None:
    """Takes what was a throwaway folder for one that a person named from now on."""
    with contextlib.suppress(OSError):
        (root / LOCK_NAME).unlink()


def sweep() -> None:
    """Removes folders of this user that a killed stack left; one in use is locked, and stays."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            _sweep_one(root)


def _sweep_one(root: Path) -> None:
    path = root / LOCK_NAME
    folder, file = root.lstat(), path.lstat()  # not what a link leads to
    kinds = stat.S_ISDIR(folder.st_mode) and stat.S_ISREG(file.st_mode)
    if not kinds or {folder.st_uid, file.st_uid} != {os.getuid()}:
        return
    with path.open("r", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(root, ignore_errors=True)
