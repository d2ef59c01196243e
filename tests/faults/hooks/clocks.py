"""Wrong wall clocks in service processes, each process another one.

The processes of a role take its clocks in turn: a lock on a file, which ends with the process,
says which of them are taken. Only the wall clock is wrong: a monotonic one stays right.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import time_machine

VARIABLE = "TEST_CLOCKS"
HOUR = timedelta(hours=1)
AHEAD, BEHIND, DAY_AHEAD, JUMPING = (HOUR,), (-HOUR,), (25 * HOUR,), (HOUR, -HOUR, 3 * HOUR)
CLOCKS = {
    "worker": (AHEAD, BEHIND, JUMPING),
    "generator": (BEHIND, AHEAD),
    # a day and more, so that retention by this clock would take what is new
    "orchestrator": (DAY_AHEAD, BEHIND, JUMPING),
}
JUMP_SECONDS = 0.4


def install(role: str) -> None:
    """The hook: this process's clock is one of its role's from now on."""
    number, lock = _take(Path(os.environ[VARIABLE]), role)
    offsets = CLOCKS[role][number % len(CLOCKS[role])]
    traveller = time_machine.travel(datetime.now(UTC) + offsets[0], tick=True).start()
    threading.Thread(target=_jump, args=(traveller, offsets, lock), daemon=True).start()


def _take(folder: Path, role: str) -> tuple[int, IO[bytes]]:
    for number in itertools.count():
        lock = (folder / f"{role}.{number}").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            return number, lock
    raise AssertionError("a process is always given a clock")


def _jump(traveller: Any, offsets: Sequence[timedelta], _lock: IO[bytes]) -> None:
    """From one offset to the next, for ever; the lock lives as long."""
    never = threading.Event()
    for offset in itertools.cycle(offsets):
        traveller.move_to(_right() + offset)
        never.wait(JUMP_SECONDS if len(offsets) > 1 else None)


def _right() -> datetime:
    return datetime.fromtimestamp(time_machine.escape_hatch.time.time(), UTC)
