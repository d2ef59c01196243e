"""The folder of a local stack: who may use it, and what lies where in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pedidos_cli import throwaway
from pedidos_cli.errors import CliError, ExitStatus
from pedidos_cli.stack_file import FILE_NAME, StackDocument, read_stack, write_stack


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A folder that this process alone uses until it lets go; `kept` when a person named it.

    `before` is what the stack that had the folder last said of itself.
    """

    root: Path
    kept: bool
    before: StackDocument | None = None

    @property
    def stack_file(self) -> Path:
        """Where `stack.json` is."""
        return self.root / FILE_NAME

    def made(self, name: str) -> Path:
        """A folder inside, made if need be."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def log(self, role: str, index: int) -> Path:
        """The log file of a process."""
        return self.made("logs") / f"{role}-{index}.log"


def folder_named(name: str) -> Path:
    """The folder that a person named.

    Raises:
        CliError: when the name is empty: a path makes the present folder of that.
    """
    if not name.strip():
        raise CliError(
            "--data-dir is empty: name a folder (. is the present one), or leave it out for one "
            "that is thrown away at the end",
            ExitStatus.USAGE,
        )
    return Path(name)


@contextlib.contextmanager
def data_folder(named: Path | None) -> Iterator[DataFolder]:
    """The folder of that name, kept; or a new one, thrown away at the end.

    Raises:
        CliError: when it can't be used, or another stack is using it.
    """
    if named is None:
        throwaway.sweep()
        with throwaway.made() as root:
            yield DataFolder(root, kept=False)
        return
    with _locked(_prepared(named.expanduser().resolve())) as root:
        throwaway.keep(root)
        yield DataFolder(root, kept=True, before=_before(root / FILE_NAME))


def _before(stack_file: Path) -> StackDocument | None:
    document = read_stack(stack_file)
    if document is None:
        stack_file.unlink(missing_ok=True)
    elif document.ready or document.processes:
        # Left by a stack that was killed: it must not pass for this one's.
        write_stack(stack_file, replace(document, ready=False, processes=[]))
    return document


def _prepared(root: Path) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK | os.X_OK):
            raise PermissionError(13, "it can't be written")
    except OSError as refused:
        raise CliError(
            f"The data folder {root} can't be used: {refused.strerror}. "
            "Name another with --data-dir",
            ExitStatus.USAGE,
        ) from None
    return root


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[Path]:
    with (root / "stack.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CliError(
                f"The data folder {root} is in use by another running stack (process {holder}). "
                "Stop that one, or name another folder with --data-dir",
                ExitStatus.USAGE,
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield root
