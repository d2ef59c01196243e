"""Progress of a run: one bar a part, with speed and estimate; plain lines where no terminal is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pedidos_cli import text
from pedidos_cli.client import Json
from pedidos_cli.live_area import LiveArea

PLAIN_SECONDS = 5.0
SPEED_WINDOW_SECONDS = 4.0
SILENT_SECONDS = 1.0
_PHASES = {
    "IDLE": "no run",
    "GENERATING": "orders come in, VIP batches go out",
    "ENQUEUE_VIP": "the last VIP batches go out",
    "WAITING_VIP_DRAIN": "VIP orders are processed",
    "ENQUEUE_NORMAL": "NORMAL batches go out",
    "WAITING_NORMAL_DRAIN": "NORMAL orders are processed",
    "DONE": "done",
    "ABORTED": "cancelled",
    "ERROR": "failed",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One bar: orders that came in, VIP or NORMAL ones processed; `total` is None until known."""

    label: str
    done: int
    total: int | None
    failed: int
    per_second: float | None


@dataclass(slots=True)
class Speedometer:
    """Speed of a count over the last seconds, by the times at which it was read."""

    window_seconds: float = SPEED_WINDOW_SECONDS
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=256))

    def read(self, at_seconds: float, value: int) -> float | None:
        """Notes a reading; orders a second since the oldest one in the window, None at first."""
        if self._seen and value < self._seen[-1][1]:
            self._seen.clear()  # another run, or a reset
        self._seen.append((at_seconds, value))
        while len(self._seen) > 2 and at_seconds - self._seen[0][0] > self.window_seconds:
            self._seen.popleft()
        elapsed = at_seconds - self._seen[0][0]
        return (value - self._seen[0][1]) / elapsed if elapsed > 0.2 else None


@dataclass(slots=True)
class Progress:
    """The present state of a run as parts of a display; `see` takes each status as it comes."""

    clock: Callable[[], float] = time.monotonic
    status: Json = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    silent_seconds: float = 0.0
    _speeds: dict[str, Speedometer] = field(default_factory=dict)

    def see(self, status: Json) -> None:
        """Takes a status object of the API (SPEC O-8)."""
        self.status, self.silent_seconds = status, 0.0
        progress = _object(status, "progress")
        counts = _object(status, "counts")
        processing = _object(status, "processing")
        self.parts = (
            self._part("orders in", progress.get("generated"), progress.get("target"), 0),
            self._processing("VIP", _object(processing, "vip"), counts.get("vip")),
            self._processing("NORMAL", _object(processing, "normal"), counts.get("normal")),
        )

    def absent(self, seconds: float) -> None:
        """Takes that the API has not answered for so long; what it said of speeds is old then."""
        self.silent_seconds = seconds
        if self._is_silent():
            self.parts = tuple(replace(part, per_second=None) for part in self.parts)
            self._speeds.clear()

    def _is_silent(self) -> bool:
        return self.silent_seconds > SILENT_SECONDS

    def _processing(self, label: str, window: Json, expected: Any) -> Part:
        failed = int(window.get("failed") or 0)
        return self._part(label, int(window.get("count") or 0) + failed, expected, failed)

    def _part(self, label: str, done: Any, total: Any, failed: int) -> Part:
        number = int(done or 0)
        meter = self._speeds.setdefault(label, Speedometer())
        per_second = meter.read(self.clock(), number)
        return Part(label, number, int(total) if total else None, failed, per_second)

    def headline(self) -> str:
        """The phase in words, how far the run is, and what it still needs."""
        phase = str(self.status.get("phase", ""))
        eta = _object(self.status, "eta")
        words = [f"{phase}: {_PHASES.get(phase, phase)}"]
        if isinstance(eta.get("progressPercent"), int | float):
            words.append(f"{eta['progressPercent']:.0f}%")
        estimated = isinstance(eta.get("estimatedMs"), int | float) and not self._is_silent()
        if estimated and phase in _ACTIVE:
            words.append(f"about {text.duration(eta['estimatedMs'])} left")
        if self.status.get("queueState") in {"paused", "closed"}:
            words.append(f"the queue is {self.status['queueState']}: `pedidos resume`")
        if self._is_silent():
            words.append(f"the API has not answered for {self.silent_seconds:.0f} s, trying again")
        return ", ".join(words)

    def line(self) -> str:
        """All of it in one plain line."""
        return f"{self.headline()} | " + " | ".join(
            f"{part.label} {text.count(part.done)}/{text.count(part.total)}"
            + (f" ({part.failed} failed)" if part.failed else "")
            + (f" {text.speed(part.per_second)}" if part.per_second else "")
            for part in self.parts
        )

    def picture(self) -> RenderableType:
        """All of it as bars."""
        table = Table.grid(padding=(0, 2))
        for part in self.parts:
            table.add_row(
                Text(part.label),
                ProgressBar(total=part.total or 1, completed=part.done, width=36),
                Text(f"{text.count(part.done)}/{text.count(part.total)}", justify="right"),
                Text(text.speed(part.per_second) if part.per_second else ""),
                Text(f"{text.count(part.failed)} failed" if part.failed else "", style="red"),
            )
        return Group(Text(self.headline(), style="bold"), table)


_ACTIVE = frozenset(_PHASES) - {"IDLE", "DONE", "ABORTED", "ERROR"}


def _object(holder: Json, key: str) -> Json:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


class Display(LiveArea):
    """Shows a `Progress` on a console while the context lasts; nothing without a console."""

    def __init__(self, console: Console | None, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()
        self._console = console
        super().__init__(
            Live(console=console, refresh_per_second=5, transient=False)
            if console and console.is_terminal
            else None
        )
        self._shown_at = -PLAIN_SECONDS

    def show(self, status: Json) -> None:
        """Takes a status and shows it, in plain form every few seconds only."""
        before = self.progress.status.get("phase")
        self.progress.see(status)
        self._draw(at_once=status.get("phase") != before)

    def absent(self, seconds: float) -> None:
        """Shows that the API has not answered for so long."""
        self.progress.absent(seconds)
        self._draw()

    def _draw(self, *, at_once: bool = False) -> None:
        if self._live:
            self._live.update(self.progress.picture())
            return
        now = self.progress.clock()
        if self._console and (at_once or now - self._shown_at >= PLAIN_SECONDS):
            self._shown_at = now
            self._console.print(self.progress.line(), markup=False, soft_wrap=True)
