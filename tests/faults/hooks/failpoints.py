"""Failpoints in service processes: at a writing call, just before or just after it, it fails.

Which ones are armed stands in a file that may change at any time; each fires once in the whole
stack, in whichever process comes first. `Failpoints` (`tests/faults/armed.py`) writes that file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pedidos_common.adapters.mongo.leases import MongoLeaseKeeper
from pedidos_common.domain.errors import Unavailable
from pedidos_common.domain.jobs import Job
from tests.faults.hooks.points import WRITING
from tests.faults.hooks.wrapping import Around, wrap

VARIABLE = "TEST_FAILPOINTS"
ARMED_FILE = "armed.json"
BEFORE, AFTER = "before", "after"
KILL, TELL, FREEZE = "kill -9", "told it failed", "frozen"


def install(role: str) -> None:
    """The hook: every writing method looks whether it is to fail."""
    points = Points(Path(os.environ[VARIABLE]), role)
    for owner, methods in WRITING.items():
        for method in methods:
            kind = _about_plain if owner is MongoLeaseKeeper else _about_awaited
            wrap(owner, method, kind(points, f"{owner.__name__}.{method}"))


class Points:
    """What is armed, as the file says it at this moment, and the jobs that this process holds."""

    def __init__(self, folder: Path, role: str) -> None:
        self._folder, self._file, self._role = folder, folder / ARMED_FILE, role
        self._read_at, self._armed = (0, 0), list[dict[str, Any]]()
        self._calls: Counter[str] = Counter()
        self._held: set[str] = set()
        self._holder = ""

    def due(self, name: str, arguments: tuple[Any, ...]) -> dict[str, Any] | None:
        """The armed failpoint that this call is to meet, taken for this process alone."""
        self._read_again()
        for one in self._armed:
            if one["name"] == name and one["role"] == self._role and _fits(one, arguments):
                self._calls[one["id"]] += 1
                if self._calls[one["id"]] >= one["call"] and self._take(one):
                    return one
        return None

    def _read_again(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = self._file.stat()
            if (found.st_ino, found.st_mtime_ns) != self._read_at:
                self._read_at = (found.st_ino, found.st_mtime_ns)
                self._armed = json.loads(self._file.read_text("utf-8"))

    def _take(self, one: dict[str, Any]) -> bool:
        try:
            (self._folder / f"{one['id']}.token").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def note_holder(self, name: str, arguments: tuple[Any, ...]) -> None:
        """As whom this process leads, or would."""
        if name == "MongoLeaderLease.acquire":
            self._holder = str(arguments[0])

    def note(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        """A call has ended: a claim and a settlement change what is held."""
        if name == "MongoJobLedger.claim" and result is not None:
            self._held.add(result.id)
        if name == "MongoJobLedger.settle" and isinstance(arguments[0], Job):
            self._held.discard(arguments[0].id)

    def fail(self, one: dict[str, Any]) -> None:
        """Do to this process what is to be done, and say so first."""
        held = {"held": sorted(self._held), "holder": self._holder}
        fired = {"pid": os.getpid(), "at": time.monotonic(), **held}
        draft = self._folder / f"{one['id']}.new"
        draft.write_text(json.dumps(fired), "utf-8")
        draft.replace(self._folder / f"{one['id']}.fired")
        if one["effect"] == TELL:
            raise Unavailable(f"{one['name']}: told that it failed ({one['moment']})")
        os.kill(os.getpid(), signal.SIGKILL if one["effect"] == KILL else signal.SIGSTOP)


def _fits(one: dict[str, Any], arguments: tuple[Any, ...]) -> bool:
    return not one["outcome"] or type(arguments[1]).__name__ == one["outcome"]


def _about_awaited(points: Points, name: str) -> Around:
    async def about(call: Around, *args: Any, **kwargs: Any) -> Any:
        points.note_holder(name, args)
        due = points.due(name, args)
        if due and due["moment"] == BEFORE:
            points.fail(due)
        result = await call(*args, **kwargs)
        points.note(name, args, result)
        if due and due["moment"] == AFTER:
            points.fail(due)
        return result

    return about


def _about_plain(points: Points, name: str) -> Around:
    def about(call: Around, *args: Any, **kwargs: Any) -> Any:
        due = points.due(name, args)
        if due and due["moment"] == BEFORE:
            points.fail(due)
        result = call(*args, **kwargs)
        if due and due["moment"] == AFTER:
            points.fail(due)
        return result

    return about
