"""A leader that is lost in the middle of a removal."""

from __future__ import annotations

from typing import Any

# what a removal changes, in turn
WRITES = (
    *("removals.begin", "checkouts.remove", "orders.remove", "book.remove", "ledger.remove"),
    *("stock.note_removed", "removals.end"),
)


class Dies(Exception):
    """The leader is gone at this write."""


class Mortal:
    """A port; whoever uses it dies before or behind its `doomed` method."""

    def __init__(self, port: Any, name: str, doomed: str, *, behind: bool) -> None:
        self._port, self._name, self._doomed, self._behind = port, name, doomed, behind

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if f"{self._name}.{method}" != self._doomed:
            return found

        async def call(*args: Any, **named: Any) -> Any:
            if self._behind:
                await found(*args, **named)
            raise Dies

        return call
