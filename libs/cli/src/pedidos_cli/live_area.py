"""A part of the terminal that changes while a context lasts."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.live import Live


class LiveArea:
    """Base of what is drawn by `rich.live`; without a terminal (`live` is None) nothing is."""

    def __init__(self, live: Live | None) -> None:
        self._live = live

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()
