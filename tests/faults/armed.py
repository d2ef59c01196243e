"""Arming failpoints in the processes of a running stack, and what they leave when they fire."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stack import until
from tests.faults.hooks import failpoints
from tests.faults.hooks.points import Point
from tests.faults.hooks.wrapping import hooked


@dataclass(frozen=True, slots=True)
class Armed:
    """A failpoint: in a process of `role`, at its `call`-th such call from now on."""

    point: Point
    moment: str
    role: str
    effect: str = failpoints.KILL
    call: int = 1

    def __str__(self) -> str:
        return f"{self.role} {self.effect} {self.moment} {self.point}"


@dataclass(frozen=True, slots=True)
class Fired:
    """It has fired: in which process, when (monotonic), and what this process held.

    `holder` is the name under which an orchestrator leads, or would.
    """

    armed: Armed
    pid: int
    at: float
    held: Sequence[str]
    holder: str


class Failpoints:
    """Those of one stack, which keeps what it needs for them in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._number = folder, 0

    def environ(self, rest: Mapping[str, str]) -> dict[str, str]:
        """The environment of the stack."""
        own = {failpoints.VARIABLE: str(self._folder)}
        return hooked(failpoints.install, environ={**rest, **own})

    def arm(self, *those: Armed) -> dict[str, Armed]:
        """Arm these instead of those before; by what `fired` knows them."""
        named = {}
        for one in those:
            self._number += 1
            named[f"failpoint{self._number}"] = one
        self._write([_entry(name, one) for name, one in named.items()])
        return named

    def _write(self, entries: Sequence[Mapping[str, object]]) -> None:
        draft = self._folder / "draft"
        draft.write_text(json.dumps(entries), "utf-8")
        draft.replace(self._folder / failpoints.ARMED_FILE)

    def fired(self, name: str, armed: Armed) -> Fired | None:
        """What it left, once it has fired."""
        with contextlib.suppress(FileNotFoundError):
            found = json.loads((self._folder / f"{name}.fired").read_text("utf-8"))
            return Fired(armed, found["pid"], found["at"], found["held"], found["holder"])
        return None

    def await_fired(self, name: str, armed: Armed, seconds: float = 30.0) -> Fired:
        """Wait for it.

        Raises:
            AssertionError: naming the failpoint that was not reached.
        """
        try:
            return until(lambda: self.fired(name, armed), seconds, 0.02)
        except AssertionError as never:
            raise AssertionError(f"{armed}: not reached in {seconds} s") from never


def _entry(name: str, one: Armed) -> dict[str, object]:
    return {
        "id": name,
        "name": f"{one.point.owner}.{one.point.method}",
        "outcome": one.point.outcome,
        "moment": one.moment,
        "role": one.role,
        "effect": one.effect,
        "call": one.call,
    }
