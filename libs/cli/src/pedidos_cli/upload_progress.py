"""What a person sees while a file is sent, and while the API checks its rows."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from pedidos_cli import text
from pedidos_cli.live_area import LiveArea
from pedidos_cli.progress import PLAIN_SECONDS, Speedometer


class UploadDisplay(LiveArea):
    """Shows how much of a file is sent while the context lasts; nothing without a console.

    Args:
        console: a terminal gets one line that changes, anything else a line every few seconds.
        name: how the file is called.
        total_bytes: its size.
        clock: in seconds.
    """

    def __init__(
        self,
        console: Console | None,
        name: str,
        total_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._name, self._total, self._clock = console, name, total_bytes, clock
        self._done = 0
        self._meter = Speedometer()
        self._meter.read(clock(), 0)
        self._shown_at = clock()
        super().__init__(
            Live(console=console, transient=True) if console and console.is_terminal else None
        )

    @property
    def complete(self) -> bool:
        """Whether the API has, or may have, the whole file."""
        return self._done >= self._total

    def sent(self, size: int) -> None:
        """Takes that so many bytes more were sent."""
        self._done += size
        line = self._line(self._meter.read(self._clock(), self._done))
        if self._live:
            self._live.update(Spinner("dots", line))
        elif self._console and (self.complete or self._is_due()):
            self._shown_at = self._clock()
            self._console.print(line, markup=False, soft_wrap=True)

    def _is_due(self) -> bool:
        return self._clock() - self._shown_at >= PLAIN_SECONDS

    def _line(self, bytes_per_second: float | None) -> str:
        if self.complete:
            return f"{self._name}: {text.size(self._total)} sent, checking rows …"
        speed = f", {text.size(bytes_per_second)}/s" if bytes_per_second else ""
        percent = 100 * self._done // self._total
        done, total = text.size(self._done), text.size(self._total)
        return f"{self._name}: {done} / {total} sent ({percent}%){speed}"
