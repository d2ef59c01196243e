"""Lists that only grow, up to a bound, and are read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from pedidos_sandbox.answers import LedgerFull

T = TypeVar("T")


class Pages(Generic[T]):
    """What happened, oldest first; `name` is what the entries are called in a refusal."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._entries: list[T] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries)

    def check_room(self) -> None:
        """That one more fits.

        Raises:
            LedgerFull: when it does not.
        """
        if len(self._entries) >= self._limit:
            raise LedgerFull(self._name, self._limit)

    def append(self, entry: T) -> None:
        """One more.

        Raises:
            LedgerFull: when the bound is reached.
        """
        self.check_room()
        self._entries.append(entry)

    def page(self, after: int, size: int) -> tuple[Sequence[T], str | None]:
        """At most `size` entries behind the first `after`, and the cursor of what comes then.

        The cursor is None where nothing is left for now.
        """
        until = after + size
        more = str(until) if until < len(self._entries) else None
        return self._entries[after:until], more

    def clear(self) -> None:
        """Forget all of them."""
        self._entries.clear()
